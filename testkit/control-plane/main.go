// SPDX-License-Identifier: Apache-2.0

// A management server made of Envoy's own Go library, for tests.
//
// In: a file with resources in proto-JSON, and a line on standard input whenever it changed. Out:
// the port on standard output; then ADS in both variants, and a line for every ACK and NACK.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
)

// Everybody gets the same resources.
type everybody struct{}

func (everybody) ID(*corev3.Node) string { return "everybody" }

// The file.
type resources struct {
	Version   string            `json:"version"`
	Clusters  []json.RawMessage `json:"clusters"`
	Endpoints []json.RawMessage `json:"endpoints"`
	Listeners []json.RawMessage `json:"listeners"`
	Routes    []json.RawMessage `json:"routes"`
}

func read(path string) (*cache.Snapshot, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file resources
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	all := map[resource.Type][]types.Resource{}
	add := func(kind resource.Type, texts []json.RawMessage, empty func() proto.Message) error {
		for _, text := range texts {
			message := empty()
			if err := protojson.Unmarshal(text, message); err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
			all[kind] = append(all[kind], message)
		}
		return nil
	}
	for _, err := range []error{
		add(resource.ClusterType, file.Clusters, func() proto.Message { return &clusterv3.Cluster{} }),
		add(resource.EndpointType, file.Endpoints, func() proto.Message { return &endpointv3.ClusterLoadAssignment{} }),
		add(resource.ListenerType, file.Listeners, func() proto.Message { return &listenerv3.Listener{} }),
		add(resource.RouteType, file.Routes, func() proto.Message { return &routev3.RouteConfiguration{} }),
	} {
		if err != nil {
			return nil, err
		}
	}
	return cache.NewSnapshot(file.Version, all)
}

var out sync.Mutex

func say(format string, values ...any) {
	out.Lock()
	defer out.Unlock()
	fmt.Printf(format+"\n", values...)
}

func main() {
	path := os.Args[1]
	snapshots := cache.NewSnapshotCache(true, everybody{}, nil)
	load := func() {
		snapshot, err := read(path)
		if err == nil {
			err = snapshots.SetSnapshot(context.Background(), "everybody", snapshot)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	load()
	said := func(variant, url, nonce, message string, refused bool) {
		switch {
		case refused:
			say("NACK %s %s %q", variant, url, message)
		case nonce != "":
			say("ACK %s %s", variant, url)
		}
	}
	callbacks := server.CallbackFuncs{
		StreamRequestFunc: func(_ int64, request *discoveryv3.DiscoveryRequest) error {
			detail := request.GetErrorDetail()
			said("sotw", request.TypeUrl, request.ResponseNonce, detail.GetMessage(), detail != nil)
			return nil
		},
		StreamDeltaRequestFunc: func(_ int64, request *discoveryv3.DeltaDiscoveryRequest) error {
			detail := request.GetErrorDetail()
			said("delta", request.TypeUrl, request.ResponseNonce, detail.GetMessage(), detail != nil)
			return nil
		},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ads := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(
		ads, server.NewServer(context.Background(), snapshots, callbacks))
	say("%d", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			load()
			say("loaded")
		}
		os.Exit(0)
	}()
	log.Fatal(ads.Serve(listener))
}
