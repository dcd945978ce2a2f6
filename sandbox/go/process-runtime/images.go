package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The user of images that distroless builds as nonroot, so that pods which ask
// for runAsNonRoot are content.
const imageUser = 65532

// Where a container finds its image's program, in the root of its file system.
const programDirectory = "/program"

// portsAnnotation is the kubelet's record of a container's own ports. The pod
// config's port mappings would be those of all its containers.
const portsAnnotation = "io.kubernetes.container.ports"

// image says what stands for the images of a repository: a program, a stand-in,
// or a program that is a stand-in itself.
type image struct {
	Repository string          `json:"repository"`
	Command    string          `json:"command"` // if not empty, only of containers that run it
	Program    []string        `json:"program"` // a static executable, and its first arguments
	StandIn    *standInOptions `json:"standIn"`
}

type standInOptions struct {
	Ports []int `json:"ports"`
	Exits bool  `json:"exits"`
	TLS   *struct {
		Port      int    `json:"port"`
		Directory string `json:"directory"` // in the container; it has tls.crt and tls.key
	} `json:"tls"`
}

type command struct {
	Executable string // on the machine
	Path       string // of the same in the container
	Arguments  []string
	StandInFor string // the image, if what runs is not its own program
}

// imageRef becomes the pod's imageID, which thus tells stand-ins from programs.
func (c command) imageRef() string {
	if c.StandInFor != "" {
		return "stand-in:" + c.StandInFor
	}
	return "program:" + filepath.Base(c.Path)
}

func readImages(path string) ([]image, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var images []image
	if err := json.Unmarshal(content, &images); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, image := range images {
		if image.Repository == "" {
			return nil, fmt.Errorf("%s: [%d].repository is empty, expected an image's name without tag", path, i)
		}
		if len(image.Program) == 0 && image.StandIn == nil {
			return nil, fmt.Errorf("%s: [%d] has neither program nor standIn, expected one", path, i)
		}
		if len(image.Program) > 0 && !filepath.IsAbs(image.Program[0]) {
			return nil, fmt.Errorf("%s: [%d].program[0] is %q, expected an absolute path", path, i, image.Program[0])
		}
	}
	return images, nil
}

// repositoryOf drops an image's tag and digest.
func repositoryOf(reference string) string {
	reference, _, _ = strings.Cut(reference, "@")
	if colon := strings.LastIndexByte(reference, ':'); colon > strings.LastIndexByte(reference, '/') {
		reference = reference[:colon]
	}
	return reference
}

func (i image) matches(reference string) bool {
	repository := repositoryOf(reference)
	return repository == i.Repository || strings.HasSuffix(repository, "/"+i.Repository)
}

// commandOf applies images.json, in its order, to a container.
func (s *server) commandOf(config *cri.ContainerConfig) (command, error) {
	reference := cmp.Or(config.GetImage().GetUserSpecifiedImage(), config.GetImage().GetImage())
	for _, image := range s.images {
		if !image.matches(reference) || image.Command != "" && (len(config.Command) == 0 || config.Command[0] != image.Command) {
			continue
		}
		if len(image.Program) == 0 {
			return standInCommand(reference, *image.StandIn)
		}
		path := filepath.Join(programDirectory, filepath.Base(image.Program[0]))
		entrypoint := slices.Concat([]string{path}, image.Program[1:])
		if len(config.Command) > 0 {
			entrypoint = config.Command
		}
		program := command{Executable: image.Program[0], Path: path, Arguments: slices.Concat(entrypoint, config.Args)}
		if image.StandIn != nil {
			program.StandInFor = reference
		}
		return program, nil
	}
	var ports []int
	if annotation := config.Annotations[portsAnnotation]; annotation != "" {
		var declared []struct {
			ContainerPort int    `json:"containerPort"`
			Protocol      string `json:"protocol"`
		}
		if err := json.Unmarshal([]byte(annotation), &declared); err != nil {
			return command{}, fmt.Errorf("annotation %s: %w", portsAnnotation, err)
		}
		for _, port := range declared {
			if port.Protocol == "" || port.Protocol == "TCP" {
				ports = append(ports, port.ContainerPort)
			}
		}
	}
	// Its name is the only sign of an init container that a runtime is given.
	return standInCommand(reference, standInOptions{Ports: ports, Exits: strings.Contains(config.GetMetadata().GetName(), "init")})
}

func standInCommand(reference string, options standInOptions) (command, error) {
	const path = programDirectory + "/stand-in"
	self, err := os.Executable()
	var list []string
	for _, port := range options.Ports {
		list = append(list, strconv.Itoa(port))
	}
	arguments := []string{path, "stand-in", "--ports=" + strings.Join(list, ","), fmt.Sprintf("--exit=%t", options.Exits)}
	if options.TLS != nil {
		arguments = append(arguments, fmt.Sprintf("--tls-port=%d", options.TLS.Port), "--tls-directory="+options.TLS.Directory)
	}
	return command{Executable: self, Path: path, Arguments: arguments, StandInFor: reference}, err
}

// standIn runs in place of an image that has no program here: it answers 200
// to every HTTP request on the given ports, so that probes of the container
// succeed, until it is told to stop. On a port of its own it answers by TLS, with
// the certificate that a directory has at that moment, and does nothing else there.
func standIn(arguments []string) error {
	flags := flag.NewFlagSet("stand-in", flag.ContinueOnError)
	ports := flags.String("ports", "", "ports to listen on, separated by commas")
	exit := flags.Bool("exit", false, "end at once, as an init container that has done its work")
	tlsPort := flags.String("tls-port", "", "port to answer on by TLS")
	tlsDirectory := flags.String("tls-directory", "", "directory with tls.crt and tls.key")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *exit {
		fmt.Println("stand-in: the image of this container has no program here; nothing was done")
		return nil
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM, unix.SIGINT)
	fmt.Println("stand-in: the image of this container has no program here; only probes are answered")
	for port := range strings.FieldsFuncSeq(*ports, func(r rune) bool { return r == ',' }) {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return fmt.Errorf("--ports: %q is not a port number", port)
		}
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil { // another container of the pod may have it
			fmt.Println("stand-in: not answered:", err)
			continue
		}
		fmt.Println("stand-in: answering on port", port)
		go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }))
	}
	if *tlsPort != "" {
		if err := serveCertificate(*tlsPort, *tlsDirectory); err != nil {
			return err
		}
	}
	fmt.Println("stand-in: ended by signal", <-stop)
	return nil
}

// serveCertificate answers by TLS as a server does that reads its certificate
// again when its volume changes. What is asked over it is not done.
func serveCertificate(port, directory string) error {
	listener, err := tls.Listen("tcp", ":"+port, &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			certificate, err := tls.LoadX509KeyPair(filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key"))
			return &certificate, err
		},
	})
	if err != nil {
		return err
	}
	fmt.Println("stand-in: answering by TLS on port", port)
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the program of this container does not run here", http.StatusNotImplemented)
	}))
	return nil
}

// Every image is there: what runs in its place needs no pull.

func (s *server) ListImages(context.Context, *cri.ListImagesRequest) (*cri.ListImagesResponse, error) {
	return &cri.ListImagesResponse{}, nil
}

func (s *server) ImageStatus(_ context.Context, request *cri.ImageStatusRequest) (*cri.ImageStatusResponse, error) {
	name := request.GetImage().GetImage()
	return &cri.ImageStatusResponse{Image: &cri.Image{
		Id:       name,
		RepoTags: []string{name},
		Size:     1, // the kubelet refuses 0
		Uid:      &cri.Int64Value{Value: imageUser},
		Spec:     request.Image,
	}}, nil
}

func (s *server) PullImage(_ context.Context, request *cri.PullImageRequest) (*cri.PullImageResponse, error) {
	return &cri.PullImageResponse{ImageRef: request.GetImage().GetImage()}, nil
}

func (s *server) RemoveImage(context.Context, *cri.RemoveImageRequest) (*cri.RemoveImageResponse, error) {
	return &cri.RemoveImageResponse{}, nil
}

func (s *server) ImageFsInfo(context.Context, *cri.ImageFsInfoRequest) (*cri.ImageFsInfoResponse, error) {
	usage := []*cri.FilesystemUsage{{
		Timestamp:  time.Now().UnixNano(),
		FsId:       &cri.FilesystemIdentifier{Mountpoint: "/"},
		UsedBytes:  &cri.UInt64Value{},
		InodesUsed: &cri.UInt64Value{},
	}}
	return &cri.ImageFsInfoResponse{ImageFilesystems: usage, ContainerFilesystems: usage}, nil
}
