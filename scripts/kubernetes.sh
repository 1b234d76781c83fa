#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Puts a Kubernetes API server below .tools/ and prints the path of its folder: etcd, kube-apiserver
# and kubectl, built from their Go modules, and the CRDs of Gateway API, kgateway and Envoy Gateway.
#
# In: Go, and its module proxy on the first run, which takes several minutes. Out: one line, a path.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
folder="$root/.tools/kubernetes"
bench="$root/testkit/kubernetes"
# Changes with whatever it is made of.
version=$(cat "$bench/go.mod" "$0" | cksum | tr ' ' '-')

if [ "$(cat "$folder/version" 2>/dev/null)" != "$version" ]; then
    rm -f "$folder/version"
    mkdir -p "$folder/crds"
    (
        cd "$bench"
        export CGO_ENABLED=0
        build() { go build -trimpath -ldflags "-s -w" -o "$folder/$1" "$2" >&2; }
        build etcd go.etcd.io/etcd/server/v3
        build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
        build kubectl k8s.io/kubernetes/cmd/kubectl
    )
    module() { go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }
    # Not modules of this one: their dependencies would change what the API server is built from.
    gateway_api=$(cd / && module sigs.k8s.io/gateway-api@v1.6.1)
    kgateway=$(cd / && module github.com/kgateway-dev/kgateway/v2@v2.2.0)
    envoy_gateway=$(cd / && module github.com/envoyproxy/gateway@v1.9.1)
    copy() { sed '/^{{/d' "$2" >"$folder/crds/$1.yaml"; }
    for file in "$gateway_api"/config/crd/standard/gateway.*.yaml; do
        echo ---
        cat "$file"
    done >"$folder/crds/gateway-api.yaml"
    copy kgateway-backendconfigpolicies \
        "$kgateway/install/helm/kgateway-crds/templates/gateway.kgateway.dev_backendconfigpolicies.yaml"
    copy kgateway-backends \
        "$kgateway/install/helm/kgateway-crds/templates/gateway.kgateway.dev_backends.yaml"
    copy envoy-gateway-backendtrafficpolicies \
        "$envoy_gateway/charts/gateway-crds-helm/templates/generated/gateway.envoyproxy.io_backendtrafficpolicies.yaml"
    echo "$version" >"$folder/version"
fi
echo "$folder"
