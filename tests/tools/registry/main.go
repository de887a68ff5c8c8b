// Command registry serves an OCI registry from memory, with the referrers API of the distribution specification 1.1.
//
// The library's own referrers answer takes artifactType from the config descriptor even where the manifest has an
// artifactType of its own, leaves annotations out and ignores the filter; so this answers that route itself.
// Answers are not paged: it is for tests.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
)

const (
	indexMediaType = "application/vnd.oci.image.index.v1+json"
	route          = "/referrers/"
)

type object = map[string]any

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "host:port; port 0 takes a free one")
	referrers := flag.Bool("referrers", true, "serve GET /v2/<name>/referrers/<digest>")
	cert := flag.String("tls-cert", "", "PEM certificate chain; with --tls-key, serve HTTPS")
	key := flag.String("tls-key", "", "PEM private key")
	flag.Parse()

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	address := listener.Addr()
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			log.Fatal(err)
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	fmt.Println(address)
	quiet := registry.Logger(log.New(io.Discard, "", 0))
	handler := registry.New(quiet, registry.WithReferrersSupport(*referrers))
	if *referrers {
		handler = withReferrers(handler)
	}
	log.Fatal(http.Serve(listener, handler))
}

// withReferrers answers the referrers route from the library's list of subjects and from the manifests themselves.
func withReferrers(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The last one: a repository may be called referrers itself.
		cut := strings.LastIndex(r.URL.Path, route)
		if cut < 0 || r.Method != http.MethodGet {
			inner.ServeHTTP(w, r)
			return
		}
		var listed struct{ Manifests []object }
		if status := getJSON(inner, r.URL.Path, &listed); status != http.StatusOK {
			http.Error(w, http.StatusText(status), status)
			return
		}
		wanted := r.URL.Query().Get("artifactType")
		descriptors := []object{}
		for _, descriptor := range listed.Manifests {
			describe(inner, r.URL.Path[:cut], descriptor)
			if wanted == "" || descriptor["artifactType"] == wanted {
				descriptors = append(descriptors, descriptor)
			}
		}
		w.Header().Set("Content-Type", indexMediaType)
		if wanted != "" {
			w.Header().Set("OCI-Filters-Applied", "artifactType")
		}
		json.NewEncoder(w).Encode(object{"schemaVersion": 2, "mediaType": indexMediaType, "manifests": descriptors})
	})
}

// describe sets artifactType (the config's media type only where the manifest has none) and copies annotations.
func describe(inner http.Handler, repository string, descriptor object) {
	var manifest struct {
		ArtifactType string
		Config       struct{ MediaType string }
		Annotations  map[string]string
	}
	getJSON(inner, fmt.Sprintf("%s/manifests/%s", repository, descriptor["digest"]), &manifest)
	delete(descriptor, "artifactType")
	if manifest.ArtifactType != "" {
		descriptor["artifactType"] = manifest.ArtifactType
	} else if manifest.Config.MediaType != "" {
		descriptor["artifactType"] = manifest.Config.MediaType
	}
	if len(manifest.Annotations) > 0 {
		descriptor["annotations"] = manifest.Annotations
	}
}

func getJSON(handler http.Handler, path string, into any) int {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	if recorder.Code == http.StatusOK && json.Unmarshal(recorder.Body.Bytes(), into) != nil {
		return http.StatusInternalServerError
	}
	return recorder.Code
}
