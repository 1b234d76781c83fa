// SPDX-License-Identifier: Apache-2.0
//! The operator's view of a gateway on real sockets, in a real browser.
//!
//! In: four gateways: nothing wrong, a dying backend, a policy that is refused, no manifests. Out:
//! what the page's DOM and the pages of text say, and what keys do; screenshots below
//! `target/screenshots`, or where `SLUICEGATE_SCREENSHOTS` says, for who keeps them.

use std::{fs, path::Path};

use serde_json::Value;

use super::browser::{Page, browse};
use super::{
    Config, Folder, Gateway, Httpbin, Input, Logs, RawClient, RawOrigin, Server, SocketAddr, Step,
    eventually, loopback, patience, policy,
};

/// What the browser has at an address, once the page has looked for new numbers.
async fn dom(admin: SocketAddr) -> String {
    let arguments = ["--virtual-time-budget=5000", "--dump-dom"];
    browse(&format!("http://{admin}/"), &arguments).await
}

/// Keeps pictures of the page: wide, narrow and dark.
async fn picture(admin: SocketAddr, name: &str, fragment: &str) {
    let folder = match std::env::var_os("SLUICEGATE_SCREENSHOTS") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/screenshots"),
    };
    fs::create_dir_all(&folder).unwrap();
    for (kind, size, scheme) in [
        ("light", "1280,1500", 1),
        ("dark", "1280,1500", 0),
        ("narrow", "520,2400", 1),
    ] {
        let file = folder.join(format!("{name}-{kind}.png"));
        let _ = fs::remove_file(&file);
        let screenshot = format!("--screenshot={}", file.display());
        let size = format!("--window-size={size}");
        let scheme = format!("--blink-settings=preferredColorScheme={scheme}");
        let arguments = [
            "--virtual-time-budget=5000",
            &screenshot,
            &size,
            &scheme,
            "--hide-scrollbars",
        ];
        browse(&format!("http://{admin}/{fragment}"), &arguments).await;
        assert!(
            fs::metadata(&file).unwrap().len() > 1000,
            "{}",
            file.display()
        );
    }
}

async fn overview(gateway: &Gateway) -> Value {
    serde_json::from_str(&gateway.admin("/overview?format=json").await).unwrap()
}

#[tokio::test]
async fn a_healthy_gateway() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings = "  connectTimeout: 7s
  tcpKeepalive: {keepAliveProbes: 3, keepAliveTime: 30s, keepAliveInterval: 5s}
";
    let gateway = Gateway::start(origin.address(), &policy(settings)).await;
    let mut client = gateway.client().await;
    for _ in 0..3 {
        assert_eq!(client.get("web", "/get").await.unwrap().status(), 200);
    }
    let admin = gateway.server.admin_address();
    let page = dom(admin).await;
    assert!(page.contains("<title>Sluicegate</title>"), "{page}");
    assert!(page.contains("No problems"), "{page}");
    assert!(page.contains("class=\"backend healthy\""), "{page}");
    // The script has run and counted.
    assert!(page.contains(">live, "), "{page}");
    assert!(page.contains("<span data-is=\"rate\">0</span>"), "{page}");
    // The effective setting with its source, and what nobody set.
    assert!(
        page.contains("<td>connect<wbr>Timeout</td><td>7s</td>"),
        "{page}"
    );
    assert!(page.contains("policy.<wbr>yaml:6"), "{page}");
    assert!(page.contains("HTTPRoute"), "{page}");
    // Envoy's commands stay at hand.
    assert!(
        page.contains("<form action=\"config_dump\" method=\"get\""),
        "{page}"
    );
    picture(admin, "healthy", "#backend-kube_5fdefault_5fweb_5f80").await;

    assert_eq!(gateway.admin("/problems").await, "no problems\n");
    // Pages that only read answer to any method.
    let post = "POST /problems HTTP/1.1\r\nhost: admin\r\ncontent-length: 0\r\n\r\n";
    let mut asking = RawClient::connect(admin).await.unwrap();
    asking.send(post).await.unwrap();
    assert_eq!(asking.response().await.unwrap().text(), "no problems\n");
    // JSON where it is accepted, and a policy for scripts at the root.
    let get = "GET /problems HTTP/1.1\r\nhost: admin\r\naccept: application/json\r\n\r\n";
    asking.send(get).await.unwrap();
    let answer = asking.response().await.unwrap();
    assert_eq!(
        answer.header("content-type").as_deref(),
        Some("application/json")
    );
    asking
        .send("GET / HTTP/1.1\r\nhost: admin\r\n\r\n")
        .await
        .unwrap();
    let root = asking.response().await.unwrap();
    let scripts = root.header("content-security-policy").unwrap_or_default();
    assert!(scripts.starts_with("default-src 'none'; "), "{scripts}");
    let overview = overview(&gateway).await;
    assert_eq!(overview["backends"][0]["requests"], 3, "{overview}");
    let policies = gateway.admin("/policies").await;
    assert!(
        policies.contains("policy.yaml:3)  Service default/web  Accepted, Attached"),
        "{policies}"
    );
    let sockets = gateway.admin("/sockets").await;
    let connection = sockets.lines().nth(1).unwrap_or_default();
    assert!(
        connection.starts_with("kube_default_web_80  127.0.0.1:"),
        "{sockets}"
    );
    // Armed with 30 s by the policy.
    assert!(
        connection.contains("  0       ESTAB  keepalive in "),
        "{sockets}"
    );
    assert!(
        connection.contains("  after 30 s, every 5 s, 3 probes  "),
        "{sockets}"
    );
    let sockets: Value =
        serde_json::from_str(&gateway.admin("/sockets?format=json").await).unwrap();
    let left = sockets["sockets"][0]["expiresMs"].as_u64();
    assert!(
        left.is_some_and(|left| left > 0 && left <= 30_000),
        "{sockets}"
    );
    assert_eq!(sockets["sockets"][0]["worker"], 0, "{sockets}");
    assert_eq!(sockets["sockets"][0]["keepalive"]["timeS"], 30);
    assert_eq!(
        gateway.admin("/ejections").await,
        "no endpoint is ejected\n"
    );
    let explained = gateway.admin("/explain?backend=web").await;
    assert!(
        explained.contains("connectTimeout") && explained.contains("policy.yaml:6"),
        "{explained}"
    );
    let same = gateway.admin("/explain?cluster=kube_default_web_80").await;
    assert_eq!(same, explained);
    let list = gateway.admin("/explain").await;
    assert!(list.ends_with("backends:\n  default/web:80\n"), "{list}");
    let unknown = gateway.admin("/explain?backend=wep").await;
    assert!(
        unknown.starts_with("no backend wep; did you mean web?"),
        "{unknown}"
    );
    assert!(gateway.admin("/xds").await.starts_with("ADS is not served"));
    assert_eq!(
        gateway.admin("/sluicegate/nodes").await,
        gateway.admin("/xds").await
    );
    let help = gateway.admin("/help").await;
    for page in [
        "/overview",
        "/problems",
        "/policies",
        "/explain",
        "/sockets",
        "/xds",
    ] {
        assert!(help.contains(&format!("\n  {page}: ")), "{help}");
    }
}

#[tokio::test]
async fn a_dying_backend_is_first_and_says_why() {
    let good = Httpbin::start(loopback()).await.unwrap();
    let bad = RawOrigin::start(|_| Step::response("503 Service Unavailable", "", ""))
        .await
        .unwrap();
    let gateway = Gateway::start(good.address(), &policy("  connectTimeout: 1s\n")).await;
    gateway
        .folder
        .write("payments.yaml", &payments(bad.address().port()));
    let admin = gateway.server.admin_address();
    let mut client = gateway.client().await;
    let ejected = async || {
        client.get("web", "/pay").await.ok()?;
        let overview = overview(&gateway).await;
        let first = &overview["backends"][0];
        let text = first["why"].as_str()?;
        (first["state"] == "failing" && text.contains("ejected")).then_some(())
    };
    eventually("the endpoint is ejected", ejected)
        .await
        .unwrap();
    let page = dom(admin).await;
    assert!(
        page.contains("<title>1 failing · Sluicegate</title>"),
        "{page}"
    );
    assert!(
        page.contains("backend default/payments-authorisation"),
        "{page}"
    );
    assert!(
        page.contains("its only endpoint is not usable: 1 ejected (consecutive_5xx, returns in "),
        "{page}"
    );
    assert!(
        page.contains(">ejected: consecutive_5xx, returns in "),
        "{page}"
    );
    picture(admin, "failing", "").await;
    let name = "kube_5fdefault_5fpayments-authorisation-service-of-the-european-region-v2_5f80";
    picture(admin, "ejected", &format!("#backend-{name}")).await;
    let ejections = gateway.admin("/ejections").await;
    let row = ejections.lines().nth(1).unwrap_or_default();
    assert!(
        row.starts_with("kube_default_payments-authorisation")
            && row.contains("  consecutive_5xx  "),
        "{ejections}"
    );
    let explained = gateway
        .admin("/explain?backend=payments-authorisation-service-of-the-european-region-v2")
        .await;
    assert!(
        explained.contains("\nnow failing: its only endpoint is not usable")
            && explained.contains("  ejected: consecutive_5xx, returns in "),
        "{explained}"
    );
    // Of one that is well there is nothing to say, whatever others are like.
    let well = gateway.admin("/explain?backend=web").await;
    assert!(!well.contains("\nnow "), "{well}");
    let filtered = gateway.admin("/overview?filter=healthy").await;
    assert!(
        filtered.contains("default/web:80") && !filtered.contains("payments"),
        "{filtered}"
    );
    let problems = gateway.admin("/problems").await;
    assert!(problems.starts_with("WEIGHT  ABOUT"), "{problems}");
    assert!(
        problems.contains("error   backend default/payments-authorisation"),
        "{problems}"
    );
}

#[tokio::test]
async fn a_refused_policy_is_told_with_its_line() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let gateway = Gateway::start(origin.address(), &policy("  connectTimeout: 1s\n")).await;
    let admin = gateway.server.admin_address();
    gateway.folder.write(
        "hostile.yaml",
        &policy("  connectTimeout: soon\n").replace(
            "{name: web}\nspec",
            "{name: \"<img src=x onerror=document.title='gone'>\"}\nspec",
        ),
    );
    gateway
        .folder
        .write("policy.yaml", &policy("  connectTimeout: [1s\n"));
    let told = async || {
        let problems = gateway.admin("/problems").await;
        (problems.contains("hostile.yaml:") && problems.contains("last good version stays"))
            .then_some(())
    };
    eventually("both problems", told).await.unwrap();
    let page = dom(admin).await;
    assert!(page.contains("problems · Sluicegate</title>"), "{page}");
    assert!(!page.contains("<img"), "{page}");
    assert!(page.contains("&lt;img src=x"), "{page}");
    assert!(page.contains("last good version stays in force"), "{page}");
    picture(admin, "invalid", "").await;
}

#[tokio::test]
async fn an_empty_gateway_says_what_is_missing() {
    let folder = Folder::new(&[]);
    let config = Config {
        inputs: vec![Input::Path(folder.0.clone())],
        admin_address: loopback(),
        workers: Some(1),
        ..Config::new(Vec::new())
    };
    let server = Server::start(config, Logs::silent()).await.unwrap();
    assert!(server.ready(patience()).await);
    let page = dom(server.admin_address()).await;
    assert!(page.contains("There is no backend."), "{page}");
    assert!(page.contains("There is no Gateway of ours"), "{page}");
    picture(server.admin_address(), "empty", "").await;
}

#[tokio::test]
async fn the_page_is_used_with_keys_alone() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let gateway = Gateway::start(origin.address(), &policy("  connectTimeout: 1s\n")).await;
    let payments = payments(origin.address().port());
    gateway.folder.write("payments.yaml", &payments);
    let both = async || {
        let overview = overview(&gateway).await;
        (overview["counts"]["healthy"] == 2).then_some(())
    };
    eventually("two backends", both).await.unwrap();
    let url = format!("http://{}/", gateway.server.admin_address());
    let keys = move || {
        let mut page = Page::open(&url);
        let backends = |count| format!("document.querySelectorAll('.backend').length === {count}");
        page.until("document.getElementById('live')?.textContent.startsWith('live, ') === true");
        page.until(&backends(2));
        page.press("Tab");
        page.until("document.activeElement.className === 'skip'");
        page.press("/");
        page.until("document.activeElement.name === 'filter'");
        for key in ["p", "a", "y", "/"] {
            page.press(key);
        }
        page.until("document.activeElement.value === 'pay/'");
        page.until(&backends(0));
        page.press("Escape");
        page.until("document.activeElement === document.body && !location.search");
        page.until(&backends(2));
        page.press("/");
        page.press("w");
        page.until(&backends(1));
        page.until("location.search === '?filter=w' && document.activeElement.value === 'w'");
        // Behind the filter stands the first backend, with a ring around it.
        page.press("Tab");
        page.until("document.activeElement.matches('.backend > summary')");
        page.until("getComputedStyle(document.activeElement).outlineStyle === 'solid'");
        page.press("Enter");
        page.until("document.activeElement.parentElement.open");
        page.press("Tab");
        page.until("document.activeElement.closest('.backend[open] .inside') !== null");
        page.press("Escape");
        page.until("document.activeElement.matches('.backend:not([open]) > summary')");
        // The server draws what is filtered as well: the address is all it takes.
        page.value("location.reload()");
        page.until("document.querySelector('#filter input')?.value === 'w'");
        page.until(&backends(1));
    };
    tokio::task::spawn_blocking(keys).await.unwrap();
}

/// A Service with a name of some length, whose endpoint is ejected for good.
fn payments(port: u16) -> String {
    let name = "payments-authorisation-service-of-the-european-region-v2";
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: payments}}
spec:
  parentRefs: [{{name: http}}]
  rules:
  - matches: [{{path: {{value: /pay}}}}]
    backendRefs: [{{name: {name}, port: 80, weight: 9}}, {{name: web, port: 80, weight: 0}}]
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  ports: [{{name: http, port: 80}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: payments-1, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
endpoints: [{{addresses: [127.0.0.1]}}]
ports: [{{name: http, port: {port}}}]
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{name: payments}}
spec:
  targetRefs: [{{group: \"\", kind: Service, name: {name}}}]
  outlierDetection: {{interval: 1s, consecutive5xx: 2, maxEjectionPercent: 100, baseEjectionTime: 300s}}
"
    )
}
