# SPDX-License-Identifier: Apache-2.0
"""The contenders: how each is configured and started for a workload.

In: a workload, ports, the tools. Out: `CONTENDERS`, by name: a function that writes the configuration
into a folder and returns the command. Settings are those that make each peer fastest while it does what
a gateway does for one route: hop-by-hop fields, X-Forwarded-For, pooled connections to the backend.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from observation import Observation, parse, typed
from tools import Tools
from workloads import HOST, Workload


@dataclass(frozen=True)
class Setup:
    """What a contender is started with."""

    workload: Workload
    tools: Tools
    folder: Path
    port: int
    origin_port: int
    admin_port: int
    observation: Observation = Observation()

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)


def floor(setup: Setup) -> list[str]:
    command = [setup.tools.native("forwarder"), str(setup.port), str(setup.origin_port)]
    return [*command, "pooled"] if setup.workload.close else command


def sluicegate(setup: Setup) -> list[str]:
    observation = setup.observation
    setup.write("gateway.yaml", GATEWAY.format(port=setup.port, host=HOST,
                                               infrastructure=observation.sluicegate_infrastructure()))
    if observation.is_on():
        setup.write("observation.yaml", observation.sluicegate_manifest())
    setup.write("backend.yaml", BACKEND.format(origin_port=setup.origin_port))
    setup.write("policy.yaml", POLICY)
    return [setup.tools.sluicegate, "run", str(setup.folder), "--bind", "127.0.0.1", "--workers", "1",
            "--admin-address", f"127.0.0.1:{setup.admin_port}", "--drain-time", "0", "--log-level", "warning"]


def haproxy(setup: Setup) -> list[str]:
    config = HAPROXY.format(port=setup.port, origin_port=setup.origin_port,
                            bufsize=setup.workload.haproxy_bufsize, log=setup.observation.haproxy_lines())
    # Freeing a large buffer must not return it to the kernel: a third of its time with large bodies.
    keep = ["env", "MALLOC_TRIM_THRESHOLD_=1073741824", "MALLOC_MMAP_THRESHOLD_=33554432"]
    # What it says on its standard output are lines of the log.
    into = ["sh", "-c", 'exec "$@" >>"$0"', setup.observation.log_path] if setup.observation.log else []
    return [*into, *keep, setup.tools.haproxy, "-db", "-f", setup.write("haproxy.cfg", config)]


def nginx(setup: Setup) -> list[str]:
    return nginx_with(setup, multi_accept="on", request_buffering="off", body_buffer="32k")


def nginx_buffered(setup: Setup) -> list[str]:
    """The best alternative that was found for large request bodies."""
    return nginx_with(setup, multi_accept="off", request_buffering="on", body_buffer="256k")


def nginx_with(setup: Setup, **tuning: str) -> list[str]:
    config = NGINX.format(port=setup.port, origin_port=setup.origin_port, folder=setup.folder,
                          log=setup.observation.nginx_lines(), protocol="http2" if setup.workload.kind == "h2" else "", **tuning)
    return [setup.tools.nginx, "-e", "stderr", "-c", setup.write("nginx.conf", config)]


def envoy_lean(setup: Setup) -> list[str]:
    """Without request id, Envoy's own header fields and the router's dynamic statistics."""
    return envoy_with(setup, generate_request_id=False,
                      router={"suppress_envoy_headers": True, "dynamic_stats": False})


def envoy_default(setup: Setup) -> list[str]:
    return envoy_with(setup, generate_request_id=True, router={})


def envoy_with(setup: Setup, generate_request_id: bool, router: dict) -> list[str]:
    config = envoy_config(setup, generate_request_id, router)
    return [setup.tools.envoy, "-c", setup.write("envoy.json", json.dumps(config, indent=1)), "--concurrency", "1",
            "--disable-hot-restart", "--log-level", "error"]


def envoy_config(setup: Setup, generate_request_id: bool, router: dict) -> dict:
    def address(number: int) -> dict:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    connection_manager = typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="http", codec_type="AUTO", use_remote_address=True,
        generate_request_id=generate_request_id,
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "origin", "timeout": "30s"}}]}]},
        http_filters=[{"name": "router", "typed_config": typed("filters.http.router.v3.Router", **router)}],
        **setup.observation.envoy_fields(),
    )
    limits = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), 1_000_000)
    return {"static_resources": {
        "listeners": [{"name": "http", "address": address(setup.port), "filter_chains": [{"filters": [
            {"name": "http", "typed_config": connection_manager}]}]}],
        "clusters": [{
            "name": "origin", "type": "STATIC", "connect_timeout": "5s",
            "circuit_breakers": {"thresholds": [limits]},
            "load_assignment": {"cluster_name": "origin", "endpoints": [{"lb_endpoints": [
                {"endpoint": {"address": address(setup.origin_port)}}]}]},
        }, *setup.observation.envoy_clusters()],
    }}


def command(name: str, setup: Setup) -> list[str]:
    """How a contender is started, whatever is on beside."""
    return CONTENDERS[parse(name)[0]](setup)


GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: bench, namespace: bench}}
spec:
  gatewayClassName: kgateway{infrastructure}
  listeners:
    - {{name: http, protocol: HTTP, port: {port}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: origin, namespace: bench}}
spec:
  parentRefs:
    - name: bench
  hostnames: ["{host}"]
  rules:
    - matches:
        - path: {{type: PathPrefix, value: /api}}
      timeouts: {{request: 30s}}
      backendRefs:
        - {{name: origin, port: 80}}
"""

BACKEND = """\
apiVersion: v1
kind: Namespace
metadata: {{name: bench}}
---
apiVersion: v1
kind: Service
metadata: {{name: origin, namespace: bench}}
spec:
  selector: {{app: origin}}
  ports:
    - {{name: http, port: 80, targetPort: 8080}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: origin-1
  namespace: bench
  labels: {{kubernetes.io/service-name: origin}}
addressType: IPv4
endpoints:
  - addresses: ["127.0.0.1"]
ports:
  - {{name: http, port: {origin_port}}}
"""

# Every setting that costs something per request or per connection, none that refuses this traffic.
POLICY = """\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: origin, namespace: bench}
spec:
  targetRefs:
    - {group: "", kind: Service, name: origin}
  connectTimeout: 5s
  perConnectionBufferLimitBytes: 1048576
  tcpKeepalive: {keepAliveProbes: 3, keepAliveTime: 30s, keepAliveInterval: 5s}
  commonHttpProtocolOptions:
    idleTimeout: 120s
    maxHeadersCount: 100
    maxStreamDuration: 60s
    maxRequestsPerConnection: 2000000000
    headersWithUnderscoresAction: RejectRequest
  http1ProtocolOptions: {enableTrailers: true, overrideStreamErrorOnInvalidHttpMessage: true}
  circuitBreakers:
    maxConnections: 100000
    maxPendingRequests: 100000
    maxRequests: 100000
    maxRetries: 1000
"""

HAPROXY = """\
global
    nbthread 1
    maxconn 8000
    tune.bufsize {bufsize}
defaults
    mode http
    http-reuse always
    option forwardfor
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend http
    bind 127.0.0.1:{port} backlog 4096
    default_backend origin{log}
backend origin
    server origin 127.0.0.1:{origin_port}
"""

NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{
    use epoll;
    worker_connections 12000;
    multi_accept {multi_accept};
}}
http {{
    {log}
    keepalive_requests 2000000000;
    keepalive_timeout 120s;
    client_max_body_size 0;
    client_body_buffer_size {body_buffer};
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream origin {{
        server 127.0.0.1:{origin_port};
        keepalive 2048;
        keepalive_requests 2000000000;
        keepalive_timeout 120s;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096 {protocol};
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_request_buffering {request_buffering};
            proxy_buffer_size 32k;
            proxy_buffers 8 32k;
        }}
    }}
}}
"""

CONTENDERS: dict[str, Callable[[Setup], list[str]]] = {
    "floor": floor,
    "sluicegate": sluicegate,
    "haproxy": haproxy,
    "nginx": nginx,
    "nginx-buffered": nginx_buffered,
    "envoy-lean": envoy_lean,
    "envoy-default": envoy_default,
}
