#!/bin/bash
# The first process of a node's own network, mount, process, ipc and uts namespaces: containerd, a control plane, kubelet.
# tests/support/node.py starts it, with the settings below in its environment; when it dies, the kernel ends all of it.
# `node.sh try` ends once it has its mounts, its network and its cgroups.
#
# Nothing here reaches the machine's network, mounts or sysctls. Its cgroups do: they are below one folder, $CGROUP.
set -euo pipefail
: "${ROOT:?}" "${BIN:?}" "${CGROUP:?}" "${NODE_IP:?}" "${SERVICE_IP:?}" "${SERVICES:?}" "${PODS:?}"
hostname node

private_mounts() {
  mkdir -p "$ROOT"/{containerd,cni,cni-state,kubelet,logs/pods,cgroup,sysctl}
  # sysfs of this network namespace, and the machine's cgroups in it.
  mount --rbind /sys/fs/cgroup "$ROOT/cgroup"
  mount -t sysfs sysfs /sys
  mount --rbind "$ROOT/cgroup" /sys/fs/cgroup
  umount -l "$ROOT/cgroup"
  mount -t tmpfs -o mode=755 tmpfs /run
  mount -t tmpfs tmpfs /var/log
  mkdir -p /var/lib/cni
  mount --bind "$ROOT/cni-state" /var/lib/cni
  # kubelet wants to write these, which are the whole machine's: it gets files instead.
  local name
  for name in vm/overcommit_memory:1 vm/panic_on_oom:0 kernel/panic:10 kernel/panic_on_oops:1 \
    kernel/keys/root_maxkeys:1000000 kernel/keys/root_maxbytes:25000000; do
    echo "${name#*:}" >"$ROOT/sysctl/$(basename "${name%:*}")"
    mount --bind "$ROOT/sysctl/$(basename "${name%:*}")" "/proc/sys/${name%:*}"
  done
  mount --make-rshared /
}

own_network() {
  # A bridge without ports holds the node's address; the default route into it leads nowhere, and there has to be one.
  ip link set lo up
  ip link add node0 type bridge
  ip addr add "$NODE_IP/24" dev node0
  ip link set node0 up
  ip route add default dev node0
  # There is no kube-proxy: pods find the API server at an address of the node itself.
  ip addr add "$SERVICE_IP/32" dev lo
  echo 1 >/proc/sys/net/ipv4/ip_forward
  cat >"$ROOT/cni/10-pods.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "pods0", "isGateway": true,
 "hairpinMode": true, "ipam": {"type": "host-local", "ranges": [[{"subnet": "$PODS"}]],
 "routes": [{"dst": "0.0.0.0/0"}], "dataDir": "/run/addresses"}}]}
JSON
}

own_cgroups() {
  local controller
  for controller in /sys/fs/cgroup/*/; do
    [ "$(basename "$controller")" = unified ] && continue
    mkdir -p "$controller$CGROUP"
  done
  for controller in cpus mems; do # empty at first, and then no process can be put there
    cat "/sys/fs/cgroup/cpuset/cpuset.$controller" >"/sys/fs/cgroup/cpuset/$CGROUP/cpuset.$controller"
  done
}

run() {
  local name=$1
  shift
  "$@" >"$ROOT/logs/$name.log" 2>&1 </dev/null &
}

run_containerd() {
  cat >"$ROOT/containerd.toml" <<TOML
version = 2
root = "$ROOT/containerd"
state = "/run/containerd-state"
[grpc]
  address = "$ROOT/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$ROOT/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$ROOT/registries"
TOML
  run containerd containerd -c "$ROOT/containerd.toml"
}

run_control_plane() {
  local pki=$ROOT/pki
  # Who asked for what, and whether it was allowed: nothing of what was sent.
  cat >"$ROOT/audit.yaml" <<YAML
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts:navicert-system"]
YAML
  run etcd "$BIN/etcd" --name=node --data-dir="$ROOT/etcd" --unsafe-no-fsync
  run apiserver "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --secure-port=443 \
    --bind-address=0.0.0.0 --advertise-address="$NODE_IP" --service-cluster-ip-range="$SERVICES" \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
    --client-ca-file="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --kubelet-client-certificate="$pki/admin.crt" --kubelet-client-key="$pki/admin.key" \
    --service-account-key-file="$pki/accounts.pub" --service-account-signing-key-file="$pki/accounts.key" \
    --service-account-issuer=https://kubernetes.default.svc --authorization-mode=Node,RBAC \
    --audit-policy-file="$ROOT/audit.yaml" --audit-log-path="$ROOT/logs/audit.log" \
    --enable-admission-plugins=NodeRestriction --allow-privileged=true --enable-aggregator-routing=true
  until [ -e "$ROOT/ready" ]; do sleep 0.05; done # its starter says so
  local as="--leader-elect=false --kube-api-qps=500 --kube-api-burst=1000"
  # shellcheck disable=SC2086 # words on purpose
  run controller-manager "$BIN/kube-controller-manager" $as --kubeconfig="$ROOT/controller-manager.kubeconfig" \
    --use-service-account-credentials=true --service-account-private-key-file="$pki/accounts.key" \
    --root-ca-file="$pki/ca.crt"
  # shellcheck disable=SC2086
  run scheduler "$BIN/kube-scheduler" $as --kubeconfig="$ROOT/scheduler.kubeconfig"
}

run_kubelet() {
  cat >"$ROOT/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
containerRuntimeEndpoint: unix://$ROOT/containerd.sock
authentication: {anonymous: {enabled: false}, x509: {clientCAFile: $ROOT/pki/ca.crt}}
authorization: {mode: Webhook}
address: $NODE_IP
podLogsDir: $ROOT/logs/pods
resolvConf: $ROOT/resolv.conf
failSwapOn: false
oomScoreAdj: 0
makeIPTablesUtilChains: false
evictionHard: {memory.available: 50Mi, nodefs.available: "1%", nodefs.inodesFree: "1%", imagefs.available: "1%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
kubeAPIQPS: 200
kubeAPIBurst: 400
YAML
  : >"$ROOT/resolv.conf"
  run kubelet "$BIN/kubelet" --config="$ROOT/kubelet.yaml" --kubeconfig="$ROOT/kubelet.kubeconfig" \
    --root-dir="$ROOT/kubelet" --cert-dir="$ROOT/kubelet" --hostname-override=node --node-ip="$NODE_IP"
}

private_mounts
own_network
own_cgroups
if [ "${1-}" = try ]; then exit; fi # all that a kernel may forbid was done
run_containerd
run_control_plane
until [ -S "$ROOT/containerd.sock" ]; do sleep 0.05; done
run_kubelet
trap 'exit 0' TERM
while :; do
  sleep 3600 &
  wait $! || true
done
