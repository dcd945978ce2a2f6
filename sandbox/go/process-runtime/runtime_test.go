package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

const insideMachine = "PROCESS_RUNTIME_TEST_INSIDE_MACHINE"

// The test binary is the runtime too, since the runtime executes itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && commands[os.Args[1]] != nil {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestMachine drives a runtime in a machine of its own, which is made in the
// two ways that the sandbox makes it.
func TestMachine(t *testing.T) {
	if os.Getenv(insideMachine) != "" {
		t.Skip("inside the machine")
	}
	for name, inUserNamespace := range map[string]bool{"as root": false, "in a user namespace": true} {
		t.Run(name, func(t *testing.T) {
			attributes := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
			if inUserNamespace {
				attributes.Cloneflags |= unix.CLONE_NEWUSER
				user, group := os.Getuid(), os.Getgid()
				if user == 0 { // nobody will do
					user, group = 65534, 65534
				}
				attributes.UidMappings = []syscall.SysProcIDMap{{HostID: user, Size: 1}}
				attributes.GidMappings = []syscall.SysProcIDMap{{HostID: group, Size: 1}}
				attributes.Credential = &syscall.Credential{NoSetGroups: true}
			}
			machine := exec.Command("/proc/self/exe", "-test.run=^TestInside$", "-test.v")
			machine.Env = append(os.Environ(), insideMachine+"=1")
			machine.SysProcAttr = attributes
			output, err := machine.CombinedOutput()
			if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
				t.Skipf("NOT TESTED: this user may not create the namespaces here: %v", err)
			}
			t.Logf("%s", output)
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestInside(t *testing.T) {
	if os.Getenv(insideMachine) == "" {
		t.Skip("TestMachine runs this inside a machine")
	}
	m := startMachine(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *machine)
	}{
		{"a program runs as the pod asks", testProgram},
		{"the log has the CRI's format and is reopened", testLog},
		{"exec tells the truth", testExec},
		{"streams: exec and port-forward", testStreams},
		{"pods reach each other", testNetwork},
		{"kill -9 of the program", testKill},
		{"kill -9 of the shim", testKillShim},
		{"stop and grace period", testStop},
		{"a program that cannot start", testStartError},
		{"stand-ins", testStandIn},
		{"kill -9 of the runtime", testRestart},
		{"kill -9 of the runtime at any moment", testRestartAtAnyMoment},
		{"read-only paths", testReadOnly},
		{"statistics", testStatistics},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, m)
			m.assertNothingLeft(t)
		})
	}
}

type machine struct {
	directory string
	serve     *exec.Cmd
	cri.RuntimeServiceClient
	cri.ImageServiceClient
}

func startMachine(t *testing.T) *machine {
	t.Helper()
	check(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	check(t, unix.Mount("proc", "/proc", "proc", 0, ""))
	for _, directory := range []string{"/run", "/var/lib", "/var/log"} {
		check(t, unix.Mount("tmpfs", directory, "tmpfs", 0, ""))
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "pods"}}
	check(t, netlink.LinkAdd(bridge))
	address := must(netlink.ParseAddr("10.244.0.1/16"))(t)
	check(t, netlink.AddrAdd(bridge, address))
	check(t, netlink.LinkSetUp(bridge))
	loopback := must(netlink.LinkByName("lo"))(t)
	check(t, netlink.LinkSetUp(loopback))

	m := &machine{directory: "/run/runtime"}
	check(t, os.MkdirAll(m.directory, 0o700))
	images := `[
		{"repository": "shell", "program": ["/bin/sh", "-c"]},
		{"repository": "broken", "program": ["/absent"]},
		{"repository": "likeness", "program": ["/bin/sh", "-c"], "standIn": {}},
		{"repository": "linkerd/proxy", "command": "/validate", "standIn": {"exits": true}},
		{"repository": "linkerd/proxy", "standIn": {"ports": [4191]}},
		{"repository": "linkerd/proxy-init", "standIn": {"exits": true}}
	]`
	check(t, os.WriteFile(m.directory+"/images.json", []byte(images), 0o600))
	// Where the machine's user may not read what go test has built.
	self := must(os.ReadFile("/proc/self/exe"))(t)
	check(t, os.WriteFile(m.directory+"/process-runtime", self, 0o755))
	m.startRuntime(t)
	return m
}

func (m *machine) startRuntime(t *testing.T) {
	t.Helper()
	m.serve = exec.Command(m.directory+"/process-runtime", "serve", "--socket", m.directory+"/cri.sock", "--state", m.directory+"/state",
		"--images", m.directory+"/images.json", "--bridge", "pods", "--pod-cidr", "10.244.0.0/16", "--gateway", "10.244.0.1",
		"--api-server", "10.244.0.1:16443")
	m.serve.Stdout, m.serve.Stderr = os.Stdout, os.Stderr
	check(t, m.serve.Start())
	connection, err := grpc.NewClient("unix://"+m.directory+"/cri.sock", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1, MaxDelay: 10 * time.Millisecond}}))
	check(t, err)
	m.RuntimeServiceClient, m.ImageServiceClient = cri.NewRuntimeServiceClient(connection), cri.NewImageServiceClient(connection)
	await(t, "the runtime to answer", func() bool {
		_, err := m.Version(t.Context(), &cri.VersionRequest{})
		return err == nil
	})
}

func (m *machine) killRuntime(t *testing.T) {
	t.Helper()
	check(t, m.serve.Process.Kill())
	m.serve.Wait()
}

// assertNothingLeft removes every pod, and looks for what stayed.
func (m *machine) assertNothingLeft(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	for _, pod := range must(m.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{}))(t).Items {
		must(m.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: pod.Id}))(t)
		must(m.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: pod.Id}))(t)
		must(m.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: pod.Id}))(t)
	}
	for _, directory := range []string{"pods", "containers", "netns"} {
		if left, _ := os.ReadDir(filepath.Join(m.directory, "state", directory)); len(left) > 0 {
			t.Errorf("left in %s: %v", directory, left)
		}
	}
	for _, link := range must(netlink.LinkList())(t) {
		if link.Type() == "veth" {
			t.Errorf("left: device %s", link.Attrs().Name)
		}
	}
	if mounts := readFile("/proc/self/mounts"); strings.Contains(mounts, m.directory) {
		t.Errorf("left: mounts\n%s", mounts)
	}
	await(t, "every process but the runtime to end", func() bool { return len(m.otherProcesses()) == 0 })
}

// otherProcesses are those that are neither the test nor the runtime.
func (m *machine) otherProcesses() []int {
	var others []int
	directories, _ := filepath.Glob("/proc/[0-9]*")
	for _, directory := range directories {
		pid, _ := strconv.Atoi(filepath.Base(directory))
		stat, err := processStat(pid)
		if err == nil && stat[3] != "Z" && pid != os.Getpid() && pid != m.serve.Process.Pid {
			others = append(others, pid)
		}
	}
	return others
}

func (m *machine) runPod(t *testing.T, adapt ...func(*cri.PodSandboxConfig)) (id string, config *cri.PodSandboxConfig) {
	t.Helper()
	config = &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: "pod", Namespace: "test", Uid: newID()},
		Hostname:     "the-pod",
		LogDirectory: "/var/log/pods/" + newID(),
		DnsConfig:    &cri.DNSConfig{Servers: []string{"10.96.0.10"}, Searches: []string{"svc.cluster.local"}},
		Linux:        &cri.LinuxPodSandboxConfig{},
	}
	for _, f := range adapt {
		f(config)
	}
	return must(m.RunPodSandbox(t.Context(), &cri.RunPodSandboxRequest{Config: config}))(t).PodSandboxId, config
}

func (m *machine) podAddress(t *testing.T, id string) string {
	t.Helper()
	return must(m.PodSandboxStatus(t.Context(), &cri.PodSandboxStatusRequest{PodSandboxId: id}))(t).Status.Network.Ip
}

func (m *machine) create(t *testing.T, podID, image string, adapt ...func(*cri.ContainerConfig)) string {
	t.Helper()
	config := &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: "main"},
		Image:    &cri.ImageSpec{Image: image},
		LogPath:  "main/0.log",
		Linux:    &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{RunAsUser: &cri.Int64Value{Value: imageUser}}},
	}
	for _, f := range adapt {
		f(config)
	}
	return must(m.CreateContainer(t.Context(), &cri.CreateContainerRequest{PodSandboxId: podID, Config: config}))(t).ContainerId
}

func (m *machine) start(t *testing.T, podID, image string, adapt ...func(*cri.ContainerConfig)) string {
	t.Helper()
	id := m.create(t, podID, image, adapt...)
	must(m.StartContainer(t.Context(), &cri.StartContainerRequest{ContainerId: id}))(t)
	return id
}

// runShell starts a container whose program is sh -c script.
func (m *machine) runShell(t *testing.T, script string, adapt ...func(*cri.ContainerConfig)) (podID, id, logPath string) {
	t.Helper()
	podID, pod := m.runPod(t)
	setScript := func(config *cri.ContainerConfig) { config.Args = []string{script} }
	id = m.start(t, podID, "registry.example/shell:v1", append(adapt, setScript)...)
	return podID, id, pod.LogDirectory + "/main/0.log"
}

// runTrap starts a container that waits for a signal, as trap says, and returns
// once the trap is set: that is after the container has started.
func (m *machine) runTrap(t *testing.T, trap string, adapt ...func(*cri.ContainerConfig)) (podID, id, logPath string) {
	t.Helper()
	podID, id, logPath = m.runShell(t, "trap "+trap+"; echo ready; while :; do sleep 0.01; done", adapt...)
	await(t, "the trap", func() bool { return readFile(logPath) != "" })
	return podID, id, logPath
}

func (m *machine) status(t *testing.T, id string) *cri.ContainerStatus {
	t.Helper()
	return must(m.ContainerStatus(t.Context(), &cri.ContainerStatusRequest{ContainerId: id}))(t).Status
}

// awaitExit returns once the container has ended, as it should.
func (m *machine) awaitExit(t *testing.T, id string, code int32) {
	t.Helper()
	await(t, "the container to end", func() bool { return m.status(t, id).State == cri.ContainerState_CONTAINER_EXITED })
	reason := "Completed"
	if code != 0 {
		reason = "Error"
	}
	if exit := m.status(t, id); exit.ExitCode != code || exit.Reason != reason {
		t.Errorf("exit: %v, expected %s with code %d", exit, reason, code)
	}
}

func (m *machine) started(t *testing.T, id string) startRecord {
	t.Helper()
	return *must(readState[startRecord](containerDirectory(filepath.Join(m.directory, "state", "containers", id)).started()))(t)
}

// executed is what a command wrote, to its standard output first, and how it ended.
type executed struct {
	output string
	code   int32
}

func (m *machine) exec(t *testing.T, id string, command ...string) executed {
	t.Helper()
	response := must(m.ExecSync(t.Context(), &cri.ExecSyncRequest{ContainerId: id, Cmd: command, Timeout: 10}))(t)
	return executed{string(response.Stdout) + string(response.Stderr), response.ExitCode}
}

// held is how many file descriptors and threads the runtime has.
func (m *machine) held(t *testing.T) (descriptors, threads int) {
	t.Helper()
	directory := fmt.Sprintf("/proc/%d/", m.serve.Process.Pid)
	return len(must(os.ReadDir(directory + "fd"))(t)), len(must(os.ReadDir(directory + "task"))(t))
}

func isRootOnlyMapped(t *testing.T) bool {
	t.Helper()
	return !must(readIDMap("/proc/self/uid_map"))(t).contains(imageUser)
}

func testProgram(t *testing.T, m *machine) {
	unix.Umask(0) // the pod's user may write, unless a mount is read-only
	for _, directory := range []string{"/var/lib/secret/inner", "/var/lib/inner", "/var/lib/scratch"} {
		check(t, os.MkdirAll(directory, 0o777))
	}
	check(t, os.WriteFile("/var/lib/secret/token", []byte("from a volume\n"), 0o666))
	check(t, os.WriteFile("/var/lib/hosts", []byte("10.244.0.9 the-pod\n"), 0o666))
	check(t, os.WriteFile("/var/lib/termination", nil, 0o666))
	script := `id -u; id -g; id -G; pwd; hostname; echo "$GREETING $HOSTNAME $KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT"
cat /var/run/secrets/token /run/secrets/token /etc/hosts /etc/resolv.conf
echo x > /run/secrets/token && echo written; echo x > /usr/file && echo written
echo done > /dev/termination-log; touch /scratch/file && echo scratch; touch /tmp/file && echo temporary
grep CapBnd /proc/self/status; echo $$; ls / | tr '\n' ' '`
	_, id, logPath := m.runShell(t, script, func(config *cri.ContainerConfig) {
		config.WorkingDir = "/app/dir"
		config.Envs = []*cri.KeyValue{{Key: "GREETING", Value: []byte("hello")}, {Key: "KUBERNETES_SERVICE_HOST", Value: []byte("10.96.0.1")}}
		config.Mounts = []*cri.Mount{
			{ContainerPath: "/var/run/secrets/inner", HostPath: "/var/lib/inner", Readonly: true},
			{ContainerPath: "/var/run/secrets", HostPath: "/var/lib/secret", Readonly: true},
			{ContainerPath: "/etc/hosts", HostPath: "/var/lib/hosts"},
			{ContainerPath: "/dev/termination-log", HostPath: "/var/lib/termination"},
			{ContainerPath: "/scratch", HostPath: "/var/lib/scratch"},
		}
		config.Linux.SecurityContext.RunAsGroup = &cri.Int64Value{Value: 2103}
		config.Linux.SecurityContext.SupplementalGroups = []int64{4000}
	})
	m.awaitExit(t, id, 0)
	expect(t, "imageRef", m.status(t, id).ImageRef, "program:sh")
	log := readLog(t, logPath)
	// Two streams: the shell's complaints may stand anywhere between its output.
	output := regexp.MustCompile(`(?m)^/program/sh: .*\n`).ReplaceAllString(log, "")
	user, group, groups := "65532", "2103", "2103 4000"
	if isRootOnlyMapped(t) {
		user, group, groups = "0", "0", "0"
	}
	for _, expected := range []string{
		strings.Join([]string{user, group, groups, "/app/dir", "the-pod", "hello the-pod 10.244.0.1:16443",
			"from a volume", "from a volume", "10.244.0.9 the-pod", "nameserver 10.96.0.10", "search svc.cluster.local"}, "\n"),
		"scratch\ntemporary\nCapBnd:\t00000000800425fb\n1\n",
		"Read-only file system",
	} {
		if !strings.Contains(log, expected) && !strings.Contains(output, expected) {
			t.Errorf("log does not contain %q:\n%s", expected, log)
		}
	}
	if strings.Contains(log, "written") {
		t.Errorf("wrote to a read-only mount:\n%s", log)
	}
	expect(t, "termination message", readFile("/var/lib/termination"), "done\n")
	if usr, _ := os.ReadDir("/app/dir"); usr != nil {
		t.Error("the container's working directory is on the machine")
	}
}

func testLog(t *testing.T, m *machine) {
	_, id, logPath := m.runShell(t, `echo one; echo two >&2; head -c 20000 /dev/zero | tr '\0' x; echo
trap 'echo again; exit 0' USR1; while :; do sleep 0.01; done`)
	await(t, "the log", func() bool { return strings.Count(readFile(logPath), "\n") >= 4 })
	lines := strings.Split(readFile(logPath), "\n")
	format := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) (stdout|stderr) (F|P) .*$`)
	var tags []string
	for _, line := range lines[:len(lines)-1] {
		match := format.FindStringSubmatch(line)
		if match == nil {
			t.Fatalf("not the CRI's format: %q", line)
		}
		tags = append(tags, match[2]+match[3])
	}
	if joined := strings.Join(tags, " "); strings.Count(joined, "stdoutP") != 1 || strings.Count(joined, "stdoutF") != 2 || strings.Count(joined, "stderrF") != 1 {
		t.Errorf("lines: %v", tags)
	}
	check(t, os.Rename(logPath, logPath+".old"))
	must(m.ReopenContainerLog(t.Context(), &cri.ReopenContainerLogRequest{ContainerId: id}))(t)
	check(t, m.started(t, id).Program.signal(unix.SIGUSR1))
	m.awaitExit(t, id, 0)
	expect(t, "the reopened log", readLog(t, logPath), "again\n")
}

func testExec(t *testing.T, m *machine) {
	_, id, _ := m.runShell(t, "sleep 1000", func(config *cri.ContainerConfig) {
		config.Envs = []*cri.KeyValue{{Key: "GREETING", Value: []byte("hello")}}
		config.WorkingDir = "/app"
	})
	got := m.exec(t, id, "sh", "-c", `echo $GREETING $(id -u) $(pwd) $(hostname); echo error >&2; ps -e -o pid= | head -1 | tr -d ' '; grep NoNewPrivs /proc/self/status; umask; exit 3`)
	user := "65532"
	if isRootOnlyMapped(t) {
		user = "0"
	}
	expect(t, "exec", got, executed{"hello " + user + " /app the-pod\n1\nNoNewPrivs:\t1\n0022\nerror\n", 3})
	descriptors, threads := m.held(t)
	for range 50 {
		m.exec(t, id, "true")
	}
	await(t, "descriptors and threads to be given back", func() bool {
		nowDescriptors, nowThreads := m.held(t)
		return nowDescriptors <= descriptors && nowThreads <= threads+5
	})
	if _, err := m.ExecSync(t.Context(), &cri.ExecSyncRequest{ContainerId: id, Cmd: []string{"/absent"}}); err == nil {
		t.Error("a command that does not exist has run")
	}
	start := time.Now()
	_, err := m.ExecSync(t.Context(), &cri.ExecSyncRequest{ContainerId: id, Cmd: []string{"sleep", "30"}, Timeout: 1})
	if status.Code(err) != codes.DeadlineExceeded || time.Since(start) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
	expect(t, "a killed command", m.exec(t, id, "sh", "-c", "kill -9 $$").code, 137)
}

func testStreams(t *testing.T, m *machine) {
	podID, _ := m.runPod(t)
	id := m.start(t, podID, "cr.example/linkerd/proxy:edge")

	execution := must(m.Exec(t.Context(), &cri.ExecRequest{ContainerId: id, Cmd: []string{"sh", "-c", "cat; exit 7"}, Stdin: true, Stdout: true, Stderr: true}))(t)
	connection := dialStream(t, execution.Url, "v4.channel.k8s.io")
	failure := openStream(t, connection, "error")
	in, out := openStream(t, connection, "stdin"), openStream(t, connection, "stdout")
	openStream(t, connection, "stderr")
	must(in.Write([]byte("through a stream\n")))(t)
	check(t, in.Close())
	expect(t, "exec", string(must(io.ReadAll(out))(t)), "through a stream\n")
	if got := string(must(io.ReadAll(failure))(t)); !strings.Contains(got, `"message":"7"`) {
		t.Errorf("exec's status is %s", got)
	}
	connection.Close()

	execution = must(m.Exec(t.Context(), &cri.ExecRequest{ContainerId: id, Cmd: []string{"sh", "-c", "tty; stty size"}, Stdin: true, Stdout: true, Tty: true}))(t)
	connection = dialStream(t, execution.Url, "v4.channel.k8s.io")
	failure = openStream(t, connection, "error")
	openStream(t, connection, "stdin")
	out = openStream(t, connection, "stdout")
	openStream(t, connection, "resize")
	if got := string(must(io.ReadAll(out))(t)); !strings.HasPrefix(got, "/dev/pts/") {
		t.Errorf("on a terminal, exec wrote %q", got)
	}
	connection.Close()

	var forward *cri.PortForwardResponse
	// The container has only just started: as long as nobody listens, the answer is empty.
	await(t, "the pod's answer through a port-forward", func() bool {
		forward = must(m.PortForward(t.Context(), &cri.PortForwardRequest{PodSandboxId: podID, Port: []int32{4191}}))(t)
		connection := dialStream(t, forward.Url, "portforward.k8s.io")
		defer connection.Close()
		header := http.Header{"Port": {"4191"}, "Requestid": {"1"}, "Streamtype": {"error"}}
		must(connection.CreateStream(header))(t).Close()
		header.Set("Streamtype", "data")
		data := must(connection.CreateStream(header))(t)
		must(data.Write([]byte("GET /ready HTTP/1.0\r\n\r\n")))(t)
		got := string(must(io.ReadAll(data))(t))
		return strings.HasPrefix(got, "HTTP/1.0 200 OK") && strings.HasSuffix(got, "ok\n")
	})
	address := must(url.Parse(forward.Url))(t)
	expect(t, "the address of streams", address.Hostname(), "127.0.0.1")
}

func dialStream(t *testing.T, address, protocol string) httpstream.Connection {
	t.Helper()
	transport := must(spdy.NewRoundTripper(nil))(t)
	request := must(http.NewRequestWithContext(t.Context(), http.MethodPost, address, nil))(t)
	request.Header.Set("X-Stream-Protocol-Version", protocol)
	response := must((&http.Client{Transport: transport}).Do(request))(t)
	return must(transport.NewConnection(response))(t)
}

func openStream(t *testing.T, connection httpstream.Connection, kind string) httpstream.Stream {
	t.Helper()
	return must(connection.CreateStream(http.Header{"Streamtype": {kind}}))(t)
}

func testNetwork(t *testing.T, m *machine) {
	addresses := map[string]bool{}
	for range 3 {
		podID, _ := m.runPod(t)
		m.start(t, podID, "linkerd/proxy")
		addresses[m.podAddress(t, podID)] = true
	}
	if len(addresses) != 3 || addresses["10.244.0.1"] {
		t.Errorf("addresses: %v", addresses)
	}
	var script strings.Builder
	for address := range addresses {
		await(t, "the pod at "+address, func() bool { return get("http://"+address+":4191/ready") == "ok\n" })
		fmt.Fprintf(&script, "curl -sS --max-time 5 http://%s:4191/; ", address)
	}
	if _, err := exec.LookPath("curl"); err == nil {
		_, id, logPath := m.runShell(t, script.String())
		m.awaitExit(t, id, 0)
		expect(t, "what a pod saw of the others", readLog(t, logPath), "ok\nok\nok\n")
	}

	// The machine's own network.
	podID, _ := m.runPod(t, func(config *cri.PodSandboxConfig) {
		config.Linux.SecurityContext = &cri.LinuxSandboxSecurityContext{NamespaceOptions: &cri.NamespaceOption{Network: cri.NamespaceMode_NODE}}
	})
	m.start(t, podID, "linkerd/proxy")
	await(t, "the pod on the machine's network", func() bool { return get("http://127.0.0.1:4191/") == "ok\n" })
	expect(t, "the address of a pod on the machine's network", m.podAddress(t, podID), "")
}

func testKill(t *testing.T, m *machine) {
	_, id, _ := m.runShell(t, "sleep 1000 & sleep 1001; :")
	killed := time.Now()
	check(t, m.started(t, id).Program.signal(unix.SIGKILL))
	m.awaitExit(t, id, 137)
	if delay := time.Since(killed); delay > time.Second {
		t.Errorf("seen after %s", delay)
	}
	await(t, "its children to end", func() bool { return len(m.otherProcesses()) == 0 })
}

func testKillShim(t *testing.T, m *machine) {
	_, id, _ := m.runShell(t, "sleep 1000")
	check(t, m.started(t, id).Shim.signal(unix.SIGKILL))
	m.awaitExit(t, id, 137)
	await(t, "the program to end", func() bool { return len(m.otherProcesses()) == 0 })
}

func testStop(t *testing.T, m *machine) {
	_, polite, _ := m.runTrap(t, "'exit 5' TERM")
	_, stubborn, _ := m.runTrap(t, "'' TERM")
	_, quitting, _ := m.runTrap(t, "'exit 6' QUIT", func(config *cri.ContainerConfig) { config.StopSignal = cri.Signal_SIGQUIT })
	for _, test := range []struct {
		id      string
		code    int32
		minimum time.Duration
	}{{polite, 5, 0}, {stubborn, 137, time.Second}, {quitting, 6, 0}} {
		start := time.Now()
		must(m.StopContainer(t.Context(), &cri.StopContainerRequest{ContainerId: test.id, Timeout: 1}))(t)
		took := time.Since(start)
		if exit := m.status(t, test.id); exit.ExitCode != test.code || took < test.minimum || took > test.minimum+900*time.Millisecond {
			t.Errorf("code %d after %s, expected %d after %s", exit.ExitCode, took, test.code, test.minimum)
		}
		must(m.StopContainer(t.Context(), &cri.StopContainerRequest{ContainerId: test.id, Timeout: 1}))(t)
	}
}

func testStartError(t *testing.T, m *machine) {
	podID, _ := m.runPod(t)
	for image, expected := range map[string]string{"broken": "/absent", "shell": "no-such-command"} {
		id := m.create(t, podID, image, func(config *cri.ContainerConfig) { config.Command = []string{"no-such-command"} })
		_, err := m.StartContainer(t.Context(), &cri.StartContainerRequest{ContainerId: id})
		if err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("%s: %v, expected an error about %s", image, err, expected)
		}
		if exit := m.status(t, id); exit.State != cri.ContainerState_CONTAINER_EXITED || exit.Reason != "StartError" || exit.ExitCode != 128 {
			t.Errorf("exit: %v", exit)
		}
		if _, err := m.StartContainer(t.Context(), &cri.StartContainerRequest{ContainerId: id}); err == nil {
			t.Error("started a second time")
		}
	}
	if _, err := m.ContainerStatus(t.Context(), &cri.ContainerStatusRequest{ContainerId: "absent"}); status.Code(err) != codes.NotFound {
		t.Errorf("status of what is not there: %v", err)
	}
}

func testStandIn(t *testing.T, m *machine) {
	podID, _ := m.runPod(t)
	start := func(name, image, ports string, command ...string) string {
		return m.start(t, podID, image, func(config *cri.ContainerConfig) {
			config.Metadata.Name = name
			config.Command = command
			config.LogPath = name + ".log"
			if ports != "" {
				config.Annotations = map[string]string{portsAnnotation: ports}
			}
		})
	}
	for _, initializer := range []string{
		start("any", "linkerd/proxy-init:v2", ""), start("init-something", "unknown", ""), start("validator", "linkerd/proxy:v3", "", "/validate"),
	} {
		m.awaitExit(t, initializer, 0)
	}
	id := start("web", "docker.io/library/unknown@sha256:0123", `[{"containerPort":80,"protocol":"TCP"},{"containerPort":4191}]`)
	start("proxy", "linkerd/proxy", "")
	for _, port := range []string{"80", "4191"} {
		await(t, "port "+port, func() bool { return get("http://"+m.podAddress(t, podID)+":"+port) == "ok\n" })
	}
	expect(t, "imageRef", m.status(t, id).ImageRef, "stand-in:docker.io/library/unknown@sha256:0123")
	expect(t, "a hook", m.exec(t, id, "/usr/lib/linkerd/linkerd-await", "--timeout=2m"), executed{"", 0})
	likeness := m.start(t, podID, "likeness", func(config *cri.ContainerConfig) { config.Args = []string{"sleep 1000"} })
	expect(t, "imageRef of a program", m.status(t, likeness).ImageRef, "stand-in:likeness")
	expect(t, "a command of its", m.exec(t, likeness, "echo", "here"), executed{"here\n", 0})
	expect(t, "a hook", m.exec(t, likeness, "/usr/lib/linkerd/linkerd-await", "--timeout=2m"), executed{"", 0})
	begin := time.Now()
	must(m.StopContainer(t.Context(), &cri.StopContainerRequest{ContainerId: id, Timeout: 30}))(t)
	if exit := m.status(t, id); exit.ExitCode != 0 || time.Since(begin) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(begin), exit)
	}
}

func testRestart(t *testing.T, m *machine) {
	podID, running, logPath := m.runTrap(t, "'echo bye; exit 4' USR1")
	_, ending, _ := m.runTrap(t, "'exit 9' USR1")
	_, orphan, _ := m.runShell(t, "sleep 1000")
	address := m.podAddress(t, podID)
	before := m.started(t, running)
	endingProgram, orphaned := m.started(t, ending).Program, m.started(t, orphan)

	m.killRuntime(t)
	check(t, endingProgram.signal(unix.SIGUSR1))
	check(t, orphaned.Shim.signal(unix.SIGKILL))
	await(t, "both to end", func() bool { return hasEnded(endingProgram) && hasEnded(orphaned.Program) })
	m.startRuntime(t)

	if state := m.status(t, running); state.State != cri.ContainerState_CONTAINER_RUNNING || m.started(t, running).Program != before.Program {
		t.Errorf("not adopted: %v", state)
	}
	m.awaitExit(t, ending, 9)
	m.awaitExit(t, orphan, 137)
	expect(t, "the pod's address", m.podAddress(t, podID), address)
	if other, _ := m.runPod(t); m.podAddress(t, other) == address {
		t.Error("an address was given twice")
	}
	expect(t, "exec", m.exec(t, running, "echo", "still here"), executed{"still here\n", 0})
	check(t, before.Program.signal(unix.SIGUSR1))
	m.awaitExit(t, running, 4)
	expect(t, "log", readLog(t, logPath), "ready\nbye\n")
	files := must(filepath.Glob(m.directory + "/state/*/*"))(t)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 && !strings.Contains(file, "/netns/") {
			t.Errorf("others may read %s: %s", file, info.Mode())
		}
	}
}

// testRestartAtAnyMoment kills the runtime while it makes pods: afterwards the
// containers that it says run, and no others, do.
func testRestartAtAnyMoment(t *testing.T, m *machine) {
	seen := 0
	for round := range 8 {
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				// Errors are what a killed runtime gives.
				config := &cri.PodSandboxConfig{Metadata: &cri.PodSandboxMetadata{Name: "pod", Namespace: "test", Uid: newID()}}
				pod, err := m.RunPodSandbox(t.Context(), &cri.RunPodSandboxRequest{Config: config})
				for err == nil {
					var created *cri.CreateContainerResponse
					created, err = m.CreateContainer(t.Context(), &cri.CreateContainerRequest{PodSandboxId: pod.PodSandboxId, Config: &cri.ContainerConfig{
						Metadata: &cri.ContainerMetadata{Name: "main"}, Image: &cri.ImageSpec{Image: "linkerd/proxy"}}})
					if err == nil {
						_, err = m.StartContainer(t.Context(), &cri.StartContainerRequest{ContainerId: created.ContainerId})
					}
				}
			})
		}
		time.Sleep(time.Duration(40+round*23) * time.Millisecond)
		m.killRuntime(t)
		clients.Wait()
		m.startRuntime(t)
		programs, running := map[int]bool{}, map[int]bool{}
		for _, pid := range m.otherProcesses() {
			command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if strings.HasPrefix(string(command), programDirectory) {
				programs[pid] = true
			}
		}
		containers := must(m.ListContainers(t.Context(), &cri.ListContainersRequest{}))(t).Containers
		for _, c := range containers {
			if c.State == cri.ContainerState_CONTAINER_RUNNING {
				running[m.started(t, c.Id).Program.PID] = true
			}
		}
		// On a busy machine, a round may be over before the first program runs.
		seen += len(programs)
		if !maps.Equal(programs, running) {
			t.Fatalf("%d containers, programs run in processes %v, by the runtime in %v", len(containers), programs, running)
		}
		m.assertNothingLeft(t)
	}
	if seen == 0 {
		t.Fatal("no round met a running program")
	}
}

func testReadOnly(t *testing.T, m *machine) {
	_, id, logPath := m.runShell(t, `exec 2>&1; touch /file && echo written; echo 1 > /proc/sys/kernel/printk && echo written; wc -c < /proc/version; ls /proc/irq | wc -l; echo end`,
		func(config *cri.ContainerConfig) {
			security := config.Linux.SecurityContext
			security.ReadonlyRootfs = true
			security.RunAsUser = &cri.Int64Value{}
			security.ReadonlyPaths = []string{"/proc/sys", "/proc/absent"}
			security.MaskedPaths = []string{"/proc/version", "/proc/irq", "/proc/timer_list", "/proc/keys", "/proc/absent"}
		})
	m.awaitExit(t, id, 0)
	if log := readLog(t, logPath); strings.Contains(log, "written") || !strings.Contains(log, "0\n0\nend\n") {
		t.Errorf("log:\n%s", log)
	}
}

func testStatistics(t *testing.T, m *machine) {
	podID, id, _ := m.runShell(t, "while :; do :; done")
	await(t, "CPU time", func() bool {
		stats := must(m.ContainerStats(t.Context(), &cri.ContainerStatsRequest{ContainerId: id}))(t).Stats
		return stats.Cpu.UsageCoreNanoSeconds.Value > 0 && stats.Memory.WorkingSetBytes.Value > 0
	})
	pods := must(m.ListPodSandboxStats(t.Context(), &cri.ListPodSandboxStatsRequest{}))(t).Stats
	if len(pods) != 1 || pods[0].Attributes.Id != podID || len(pods[0].Linux.Containers) != 1 {
		t.Errorf("pods' statistics: %v", pods)
	}
	must(m.ImageFsInfo(t.Context(), &cri.ImageFsInfoRequest{}))(t)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return value
	}
}

func expect[T comparable](t *testing.T, what string, got, expected T) {
	t.Helper()
	if got != expected {
		t.Errorf("%s: %#v, expected %#v", what, got, expected)
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not seen within 10 s: %s", what)
		}
	}
}

// hasEnded is true of what the machine's first process, this test, has not yet
// waited for.
func hasEnded(p process) bool {
	fields, err := processStat(p.PID)
	return err != nil || fields[3] == "Z"
}

func readFile(path string) string {
	content, _ := os.ReadFile(path)
	return string(content)
}

func readLog(t *testing.T, path string) string {
	t.Helper()
	var content bytes.Buffer
	for line := range strings.Lines(readFile(path)) {
		fields := strings.SplitN(line, " ", 4)
		if len(fields) != 4 {
			t.Fatalf("not a log line: %q", line)
		}
		content.WriteString(fields[3])
	}
	return content.String()
}

func get(address string) string {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(address)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	content, _ := io.ReadAll(response.Body)
	return string(content)
}
