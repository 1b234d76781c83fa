# SPDX-License-Identifier: Apache-2.0
"""Access logs and traces: what the configuration of a contender says to have them.

In: the features behind a contender's name (`envoy-default+log+traces-1`). Out: fragments of
configuration, all for lines of the same text and for spans of the same kind: one of the request, one of
the attempt.
"""

import json
from dataclasses import dataclass

# Envoy's own line.
FORMAT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% '
    '%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% '
    '"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" '
    '"%UPSTREAM_HOST%"\n')


@dataclass(frozen=True)
class Observation:
    """What is on beside the traffic."""

    log: bool = False
    percent: int = 0  # of the requests that are traced
    log_path: str = ""
    collector_port: int = 0

    def is_on(self) -> bool:
        return self.log or self.percent > 0

    def envoy_fields(self) -> dict:
        """Fields of the connection manager."""
        fields: dict = {}
        if self.log:
            fields["access_log"] = [{"name": "file", "typed_config": typed(
                "access_loggers.file.v3.FileAccessLog", path=self.log_path,
                log_format={"text_format_source": {"inline_string": FORMAT}})}]
        if self.percent:
            config = {"@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                      "grpc_service": {"envoy_grpc": {"cluster_name": "collector"}, "timeout": "5s"},
                      "service_name": "bench"}
            fields["tracing"] = {"random_sampling": {"value": self.percent}, "spawn_upstream_span": True,
                                 "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": config}}
        return fields

    def envoy_clusters(self) -> list[dict]:
        """The collector's, where there is one."""
        if not self.percent:
            return []
        http2 = {"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                 "explicit_http_config": {"http2_protocol_options": {}}}
        address = {"socket_address": {"address": "127.0.0.1", "port_value": self.collector_port}}
        return [{
            "name": "collector", "type": "STATIC", "connect_timeout": "5s",
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
            "load_assignment": {"cluster_name": "collector", "endpoints": [{"lb_endpoints": [
                {"endpoint": {"address": address}}]}]},
        }]

    def sluicegate_infrastructure(self) -> str:
        """What the Gateway says of its EnvoyProxy."""
        if not self.is_on():
            return ""
        return ("\n  infrastructure:\n"
                "    parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: observation}")

    def sluicegate_manifest(self) -> str:
        """The EnvoyProxy. JSON is YAML, too."""
        telemetry: dict = {}
        if self.log:
            telemetry["accessLog"] = {"settings": [{
                "format": {"type": "Text", "text": FORMAT},
                "sinks": [{"type": "File", "file": {"path": self.log_path}}]}]}
        if self.percent:
            telemetry["tracing"] = {"samplingRate": self.percent, "provider": {
                "type": "OpenTelemetry", "host": "127.0.0.1", "port": self.collector_port, "serviceName": "bench"}}
        return json.dumps({
            "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyProxy",
            "metadata": {"name": "observation", "namespace": "bench"}, "spec": {"telemetry": telemetry}}, indent=1)

    def haproxy_lines(self) -> str:
        """HAProxy writes its lines to its standard output, one by one."""
        if not self.log:
            return ""
        captures = [f"capture request header {name} len 128" for name in ("X-Forwarded-For", "User-Agent", "Host")]
        return "\n    ".join(["", "log stdout format raw local0", *captures, f"log-format '{HAPROXY_FORMAT}'"])

    def nginx_lines(self) -> str:
        """nginx writes when its buffer is full, as Envoy does."""
        if not self.log:
            return "access_log off;"
        return f"{NGINX_FORMAT}\n    access_log {self.log_path} bench buffer=64k flush=1s;"


def parse(name: str) -> tuple[str, list[str]]:
    """A contender's own name, and what is on."""
    base, *features = name.split("+")
    return base, features


def variants(name: str) -> list[str]:
    """A contender without anything, and with each set of features that it has."""
    return [name + features for features in FEATURES.get(name, ())]


def typed(name: str, **fields) -> dict:
    """A message of an extension of Envoy."""
    return {"@type": f"type.googleapis.com/envoy.extensions.{name}", **fields}


# As close to FORMAT as it goes.
HAPROXY_FORMAT = (
    '[%tr] "%HM %HU %HV" %ST %ts %U %B %Tt %Tr "%[capture.req.hdr(0)]" "%[capture.req.hdr(1)]" '
    '"%[capture.req.hdr(2)]" "%si:%sp"')
NGINX_FORMAT = (
    """log_format bench '[$time_iso8601] "$request" $status - $request_length $body_bytes_sent $request_time '
        '$upstream_response_time "$http_x_forwarded_for" "$http_user_agent" "$request_id" "$host" "$upstream_addr"';""")
BOTH = "+log+traces-"
FEATURES = {
    "sluicegate": ("", "+log", BOTH + "1", BOTH + "100"),
    "haproxy": ("", "+log"),
    "nginx": ("", "+log"),
    "envoy-default": ("", "+log", BOTH + "1", BOTH + "100"),
}
