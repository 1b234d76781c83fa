// SPDX-License-Identifier: Apache-2.0
//! gRPC over HTTP/2 without TLS: a server and one call.
//!
//! In: a method. Out: what its trailers, or the only headers of a refusal, say. The server answers
//! `echo` to every call; the first calls of a method `Flaky` fail with UNAVAILABLE.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use h2::{RecvStream, client, server};
use http::{HeaderMap, Request, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Calls of `Flaky` that fail before one succeeds.
pub(crate) const FAILURES: usize = 2;

/// A gRPC server; it stops when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// `path header-of-the-route` of every call.
    pub(crate) calls: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (shared, flaky) = (calls.clone(), Arc::new(AtomicUsize::new(0)));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone(), flaky.clone()));
            }
        });
        Self {
            address,
            calls,
            task,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client that does not speak HTTP/2 is hung up on.
async fn serve(stream: TcpStream, calls: Arc<Mutex<Vec<String>>>, flaky: Arc<AtomicUsize>) {
    let Ok(mut connection) = server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let path = request.uri().path().to_owned();
        let route = request.headers().get("x-route");
        let route = route.map_or("-", |value| value.to_str().unwrap());
        calls.lock().unwrap().push(format!("{path} {route}"));
        let fails = path.ends_with("/Flaky") && flaky.fetch_add(1, Ordering::Relaxed) < FAILURES;
        let response = Response::builder().header("content-type", "application/grpc");
        if fails {
            let response = response.header("grpc-status", "14").body(()).unwrap();
            respond.send_response(response, true).unwrap();
            continue;
        }
        let mut stream = respond
            .send_response(response.body(()).unwrap(), false)
            .unwrap();
        stream.send_data(message(b"echo"), false).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        stream.send_trailers(trailers).unwrap();
    }
}

/// What came of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// HTTP status.
    pub(crate) http: u16,
    /// `grpc-status`, empty when there is none.
    pub(crate) grpc: String,
    /// Length-prefixed messages.
    pub(crate) body: Bytes,
}

impl Outcome {
    pub(crate) fn echoed() -> Self {
        Self {
            http: 200,
            grpc: "0".to_owned(),
            body: message(b"echo"),
        }
    }

    /// A refusal made by a gateway.
    pub(crate) fn refused(grpc: &str) -> Self {
        Self {
            http: 200,
            grpc: grpc.to_owned(),
            body: Bytes::new(),
        }
    }
}

/// Calls `path` of `host` with this content type.
pub(crate) async fn call(
    address: SocketAddr,
    host: &str,
    path: &str,
    content_type: &str,
) -> Option<Outcome> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (client, connection) = client::handshake(stream).await.ok()?;
    let driver = tokio::spawn(connection);
    let request = Request::post(format!("http://{host}{path}"))
        .header("content-type", content_type)
        .header("te", "trailers")
        .body(())
        .unwrap();
    let mut client = client.ready().await.ok()?;
    let (response, mut body) = client.send_request(request, false).ok()?;
    body.send_data(message(b"hello"), true).ok()?;
    let response = response.await.ok()?;
    let status = |headers: &HeaderMap| {
        let value = headers.get("grpc-status")?;
        Some(value.to_str().unwrap().to_owned())
    };
    let (http, headers) = (response.status().as_u16(), response.headers().clone());
    let (body, trailers) = read(response.into_body()).await?;
    driver.abort();
    Some(Outcome {
        http,
        grpc: status(&trailers)
            .or_else(|| status(&headers))
            .unwrap_or_default(),
        body,
    })
}

async fn read(mut stream: RecvStream) -> Option<(Bytes, HeaderMap)> {
    let mut all = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data.ok()?;
        stream.flow_control().release_capacity(data.len()).ok()?;
        all.extend_from_slice(&data);
    }
    let trailers = stream.trailers().await.ok()?;
    Some((all.into(), trailers.unwrap_or_default()))
}

/// An uncompressed message.
fn message(body: &[u8]) -> Bytes {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0], length.as_slice(), body].concat().into()
}

/// A GRPCRoute of the Gateway `parent` to the Service `shop`, whose one endpoint is at `port`, which
/// says nothing about HTTP/2; retries for one rule, nothing behind another.
pub(crate) fn manifests(parent: &str, port: u16) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {{name: shop}}
spec:
  parentRefs: [{{{parent}}}]
  hostnames: [shop.example.com]
  rules:
  - name: orders
    matches: [{{method: {{service: shop.v1.Orders}}}}]
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {{set: [{{name: x-route, value: orders}}]}}
    backendRefs: [{{name: shop, port: 80}}]
  - matches: [{{method: {{service: shop.v1.Orders, method: Nowhere}}}}]
  - matches: [{{method: {{type: RegularExpression, method: \"Get|List\"}}}}]
    backendRefs: [{{name: shop, port: 80}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: shop}}
spec:
  parentRefs: [{{{parent}}}]
  hostnames: [shop.example.com]
  rules:
  - matches: [{{path: {{type: Exact, value: /shop.v1.Orders/Place}}}}]
    filters: [{{type: RequestRedirect, requestRedirect: {{hostname: web.example.com}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: shop}}
spec: {{ports: [{{name: main, port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: shop-1, labels: {{kubernetes.io/service-name: shop}}}}
addressType: IPv4
endpoints: [{{addresses: [127.0.0.1]}}]
ports: [{{name: main, port: {port}}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: orders}}
spec:
  targetRef: {{kind: GRPCRoute, name: shop, sectionName: orders}}
  retry:
    numRetries: {FAILURES}
    retryOn: {{triggers: [unavailable]}}
    perRetryTimeout: 30s
    backoff: {{baseInterval: 1ms, maxInterval: 2ms}}
"
    )
}

/// What every data plane does with these manifests.
pub(crate) async fn check(gateway: SocketAddr, server: &Server) {
    let grpc = "application/grpc";
    let ask = async |path: &str, kind: &str| {
        // Envoy may still be closing the listener that it had before these manifests.
        for _ in 0..3 {
            if let Some(outcome) = call(gateway, "shop.example.com", path, kind).await {
                return outcome;
            }
        }
        panic!("no answer to {path}")
    };
    assert_eq!(ask("/shop.v1.Orders/Place", grpc).await, Outcome::echoed());
    let kind = "application/grpc+proto";
    assert_eq!(ask("/shop.v1.Orders/Place", kind).await, Outcome::echoed());
    assert_eq!(ask("/shop.v1.Orders/Flaky", grpc).await, Outcome::echoed());
    assert_eq!(ask("/other.v1.Any/List", grpc).await, Outcome::echoed());
    let unavailable = Outcome::refused("14");
    assert_eq!(ask("/shop.v1.Orders/Nowhere", grpc).await, unavailable);
    let unimplemented = Outcome::refused("12");
    assert_eq!(ask("/other.v1.Any/Place", grpc).await, unimplemented);
    let other = ask("/shop.v1.Orders/Place", "text/plain").await;
    assert_eq!(other.http, 302, "not gRPC: the HTTPRoute answers");
    let mut calls = server.calls.lock().unwrap().clone();
    calls.dedup();
    let expected = [
        "/shop.v1.Orders/Place orders",
        "/shop.v1.Orders/Flaky orders",
        "/other.v1.Any/List -",
    ];
    assert_eq!(calls, expected);
}
