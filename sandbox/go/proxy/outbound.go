package main

import (
	"net"
	"net/http"
	"time"

	"sandbox/proxy/credentials"
)

// outbound is the port that a mesh-load in the same pod calls, with the address
// of another proxy and its identity: /?address=10.244.0.9:4143&identity=web.shop.…
// The answer is 204 if each let the other in, 403 with the reason if one did not,
// and 502 if there was no connection. linkerd2-proxy has every connection of its
// pod there, as iptables lead them to it, and learns whom it meets from the
// destination service.
type outbound struct{ *credentials.Proxy }

func (o outbound) serve(listener net.Listener) {
	server := &http.Server{Handler: o, ReadTimeout: time.Minute}
	server.Serve(listener)
}

func (o outbound) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	connection, err := credentials.Dialer.DialContext(request.Context(), "tcp", request.FormValue("address"))
	if err == nil {
		err = o.Meet(request.Context(), connection, request.FormValue("identity"))
	}
	if refusal, refused := credentials.RefusalOf(err); refused {
		http.Error(w, string(refusal), http.StatusForbidden)
	} else if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	} else {
		w.WriteHeader(http.StatusNoContent)
	}
}
