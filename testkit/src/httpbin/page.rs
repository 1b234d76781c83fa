// SPDX-License-Identifier: Apache-2.0
//! The pages.
//!
//! In: a request. Out: an answer; 404 lists the pages.

use std::{convert::Infallible, sync::atomic::Ordering::Relaxed, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{
    Response, StatusCode,
    body::{Body as HttpBody, Frame},
    header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION},
};
use serde_json::{Map, Value, json};

use super::{Shared, request::Request};

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

pub(super) async fn answer(shared: &Shared, request: &Request) -> Response<Body> {
    let path = request.path().trim_start_matches('/');
    let (page, argument) = path.split_once('/').unwrap_or((path, ""));
    match page {
        "anything" => shown(
            request,
            &[
                "method", "args", "data", "files", "form", "headers", "json", "origin", "url",
            ],
        ),
        "bytes" => bytes(argument),
        "delay" => {
            let seconds = argument.parse::<f64>().unwrap_or(0.0).clamp(0.0, MAX_DELAY);
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            shown(request, EVERYTHING)
        }
        "get" => shown(request, &["args", "headers", "origin", "url"]),
        "headers" => shown(request, &["headers"]),
        "healthz" if shared.healthy.load(Relaxed) => text(StatusCode::OK, "OK"),
        "healthz" => text(StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
        "hostname" => value(&json!({ "hostname": shared.name })),
        "html" => typed("text/html; charset=utf-8", HTML.into()),
        "ip" => shown(request, &["origin"]),
        "json" => value(&json!({ "slideshow": {
            "author": "Yours Truly",
            "date": "date of publication",
            "slides": [{ "title": "Wake up to WonderWidgets!", "type": "all" }],
            "title": "Sample Slide Show",
        } })),
        "post" | "put" | "patch" | "delete" => shown(request, EVERYTHING),
        "redirect" => redirect(argument.parse().unwrap_or(1)),
        "response-headers" => response_headers(request),
        "status" => status(argument),
        "stream" => stream(request, argument.parse().unwrap_or(1)),
        "user-agent" => value(&json!({ "user-agent": request.header("user-agent") })),
        "uuid" => value(&json!({ "uuid": uuid() })),
        _ => text(StatusCode::NOT_FOUND, PAGES),
    }
}

/// The asked parts of the request.
fn shown(request: &Request, parts: &[&str]) -> Response<Body> {
    let parts = parts.iter().map(|part| {
        let shown = match *part {
            "args" => request.args(),
            "data" => request.data(),
            "files" => json!({}),
            "form" => request.form(),
            "headers" => request.headers(),
            "json" => request.json(),
            "method" => request.method.as_str().into(),
            "origin" => request.origin(),
            _ => request.url(),
        };
        ((*part).to_owned(), shown)
    });
    value(&Value::Object(Map::from_iter(parts)))
}

/// Bytes that depend on their number only.
fn bytes(argument: &str) -> Response<Body> {
    let count = argument.parse::<usize>().unwrap_or(1024).min(MAX_BYTES);
    let mut random = fastrand::Rng::with_seed(0);
    let mut body = vec![0; count];
    random.fill(&mut body);
    typed("application/octet-stream", body.into())
}

fn redirect(hops: u32) -> Response<Body> {
    let target = match hops {
        0 | 1 => "/get".to_owned(),
        hops => format!("/redirect/{}", hops - 1),
    };
    let mut response = text(StatusCode::FOUND, "");
    if let Ok(target) = HeaderValue::try_from(target) {
        response.headers_mut().insert(LOCATION, target);
    }
    response
}

/// The query as headers, and as JSON.
fn response_headers(request: &Request) -> Response<Body> {
    let args = request.args();
    let mut response = value(&args);
    for (name, values) in args.as_object().into_iter().flatten() {
        let values = match values {
            Value::Array(values) => values.as_slice(),
            single => std::slice::from_ref(single),
        };
        for value in values.iter().filter_map(Value::as_str) {
            let header = HeaderName::try_from(name)
                .ok()
                .zip(HeaderValue::try_from(value).ok());
            if let Some((name, value)) = header {
                response.headers_mut().append(name, value);
            }
        }
    }
    response
}

/// One code, or one of several at random.
fn status(argument: &str) -> Response<Body> {
    let codes: Vec<u16> = argument
        .split(',')
        .filter_map(|code| code.parse().ok())
        .collect();
    let code = fastrand::choice(codes).and_then(|code| StatusCode::from_u16(code).ok());
    match code {
        Some(code) if code.as_u16() >= 200 => text(code, ""),
        _ => text(StatusCode::BAD_REQUEST, "Invalid status code"),
    }
}

/// Lines of JSON, each in a chunk of its own.
fn stream(request: &Request, lines: usize) -> Response<Body> {
    let line = json!({
        "args": request.args(),
        "headers": request.headers(),
        "origin": request.origin(),
        "url": request.url(),
    });
    let body = Lines {
        line,
        next: 0,
        end: lines.min(MAX_LINES),
    };
    with_type("application/json", body.boxed_unsync())
}

struct Lines {
    line: Value,
    next: usize,
    end: usize,
}

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let id = self.next;
        self.next += 1;
        self.line["id"] = id.into();
        let frame = (id < self.end).then(|| Ok(Frame::data(format!("{}\n", self.line).into())));
        std::task::Poll::Ready(frame)
    }
}

/// A random UUID, version 4.
fn uuid() -> String {
    let bits = fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

fn value(value: &Value) -> Response<Body> {
    typed("application/json", format!("{value:#}\n").into())
}

fn text(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = typed("text/plain; charset=utf-8", body.into());
    *response.status_mut() = status;
    response
}

fn typed(content_type: &'static str, body: Bytes) -> Response<Body> {
    with_type(content_type, Full::new(body).boxed_unsync())
}

fn with_type(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

const EVERYTHING: &[&str] = &[
    "args", "data", "files", "form", "headers", "json", "origin", "url",
];
/// Seconds; httpbin's limit.
const MAX_DELAY: f64 = 10.0;
/// Ours: httpbin stops at 100 KiB, but flow control wants more.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// httpbin's limit.
const MAX_LINES: usize = 100;
const HTML: &str = "<!DOCTYPE html>
<html>
<head><title>httpbin</title></head>
<body><h1>Herman Melville - Moby-Dick</h1></body>
</html>
";
const PAGES: &str = "pages: /anything /bytes/{n} /delay/{seconds} /delete /get /headers /healthz \
/hostname /html /ip /json /patch /post /put /redirect/{n} /response-headers?name=value \
/status/{code} /stream/{n} /user-agent /uuid
";
