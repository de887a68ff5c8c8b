// Command trillmem serves Trillian logs from memory: log server, admin server and sequencer in one process.
//
// It stands behind the CT log and Rekor v1 of the private Sigstore, so that neither needs a database. It makes the
// trees asked for and prints "ready <address> <tree id>..." once they take leaves. Nothing survives the process.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/extension"
	sequencing "github.com/google/trillian/log"
	"github.com/google/trillian/monitoring"
	"github.com/google/trillian/quota"
	"github.com/google/trillian/server"
	"github.com/google/trillian/server/admin"
	"github.com/google/trillian/server/interceptor"
	"github.com/google/trillian/storage"
	_ "github.com/google/trillian/storage/memory"
	"github.com/google/trillian/util/clock"
	"github.com/google/trillian/util/election"
	"github.com/google/trillian/util/election2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"
	"k8s.io/klog/v2"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "host:port of the gRPC server; port 0 takes a free one")
	count := flag.Int("trees", 2, "how many log trees to make")
	interval := flag.Duration("interval", 20*time.Millisecond, "how often queued leaves are sequenced")
	flag.Parse()
	// The storage warns of every round that finds nothing to sequence.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	metrics := monitoring.InertMetricFactory{}
	provider, err := storage.NewProvider("memory", metrics)
	must(err)
	registry := extension.Registry{
		AdminStorage:    provider.AdminStorage(),
		LogStorage:      provider.LogStorage(),
		QuotaManager:    quota.Noop(),
		MetricFactory:   metrics,
		ElectionFactory: election2.NoopFactory{},
	}
	trees := interceptor.New(registry.AdminStorage, registry.QuotaManager, false, metrics)
	grpcServer := grpc.NewServer(grpc.ChainUnaryInterceptor(interceptor.ErrorWrapper, trees.UnaryInterceptor))
	trillian.RegisterTrillianLogServer(grpcServer, server.NewTrillianLogRPCServer(registry, clock.System))
	trillian.RegisterTrillianAdminServer(grpcServer, admin.New(registry, []trillian.TreeType{trillian.TreeType_LOG}))
	listener, err := net.Listen("tcp", *listen)
	must(err)
	go func() { must(grpcServer.Serve(listener)) }()
	go sequencing.NewOperationManager(sequencing.OperationInfo{
		Registry:       registry,
		BatchSize:      1000,
		NumWorkers:     2,
		RunInterval:    *interval,
		TimeSource:     clock.System,
		ElectionConfig: election.RunnerConfig{TimeSource: clock.System, MasterHoldInterval: time.Hour},
	}, sequencing.NewSequencerManager(registry, 0)).OperationLoop(ctx)

	ids := makeTrees(ctx, listener.Addr().String(), *count)
	fmt.Println("ready", listener.Addr(), strings.Join(ids, " "))
	<-ctx.Done()
	grpcServer.Stop()
}

// makeTrees creates and initialises log trees through the server's own API, and returns their ids.
func makeTrees(ctx context.Context, address string, count int) []string {
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	defer connection.Close()
	var ids []string
	for range count {
		tree, err := trillian.NewTrillianAdminClient(connection).CreateTree(ctx, &trillian.CreateTreeRequest{
			Tree: &trillian.Tree{
				TreeState:       trillian.TreeState_ACTIVE,
				TreeType:        trillian.TreeType_LOG,
				MaxRootDuration: durationpb.New(time.Hour),
			},
		})
		must(err)
		_, err = trillian.NewTrillianLogClient(connection).InitLog(ctx, &trillian.InitLogRequest{LogId: tree.TreeId})
		must(err)
		ids = append(ids, fmt.Sprint(tree.TreeId))
	}
	return ids
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
