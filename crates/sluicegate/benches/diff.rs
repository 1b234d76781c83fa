// SPDX-License-Identifier: Apache-2.0
//! `diff` of a one-field policy change on 1,000 Services with a policy each, below one policy of the
//! Gateway.
//!
//! In: manifests that the benchmark writes. Out: the time of the command as people run it, process
//! start, both readings and output included, and how it divides. Run with
//! `cargo bench -p sluicegate --bench diff`; `SERVICES=100` for fewer.

use std::{
    error::Error,
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use sluicegate::{
    changes::{self, Side},
    input::Settings,
};

const ROUNDS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let services: usize = std::env::var("SERVICES")
        .ok()
        .map_or(Ok(1000), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("sluicegate-diff-{}", std::process::id()));
    let (old, new) = (folder.join("old"), folder.join("new"));
    write_manifests(&old, services, 100)?;
    write_manifests(&new, services, 200)?;
    let result = measure(&old, &new, services);
    fs::remove_dir_all(&folder)?;
    result
}

fn measure(old: &Path, new: &Path, services: usize) -> Result<(), Box<dyn Error>> {
    let (mut whole, mut read, mut compare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_sluicegate"))
            .arg("diff")
            .args([old, new])
            .output()?;
        whole.push(start.elapsed());
        let text = String::from_utf8(output.stdout)?;
        assert!(text.contains("max_connections  100 → 200"), "{text}");
        assert!(text.contains(&format!("in {services}: ")), "{text}");

        let start = Instant::now();
        let sides = [side(old)?, side(new)?];
        read.push(start.elapsed());
        let start = Instant::now();
        let changes = changes::changes(&sides[0], &sides[1])?;
        compare.push(start.elapsed());
        assert_eq!(changes[0].names.len(), services);
    }
    println!("services, routes and policies {services:>8}");
    println!(
        "the command, start to end     {:>8.1} ms",
        median(&mut whole)
    );
    println!(
        "  reading both sides          {:>8.1} ms",
        median(&mut read)
    );
    println!(
        "  comparing, with causes      {:>8.1} ms",
        median(&mut compare)
    );
    Ok(())
}

fn side(path: &Path) -> Result<Side, Box<dyn Error>> {
    let round = Settings::default().read(&[path.to_owned()])?;
    let snapshot = round.snapshot(None)?;
    Ok(Side::of_manifests(round, &snapshot))
}

fn write_manifests(folder: &Path, services: usize, limit: u32) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut text = String::new();
    for index in 0..services {
        let (a, b) = (index / 250, index % 250 + 1);
        let _ = write!(
            text,
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s{index}, namespace: shop}}\nspec:\n  ports: \
             [{{name: http, port: 80, targetPort: 8080}}]\n---\napiVersion: discovery.k8s.io/v1\nkind: \
             EndpointSlice\nmetadata: {{name: s{index}-1, namespace: shop, labels: \
             {{kubernetes.io/service-name: s{index}}}}}\naddressType: IPv4\nendpoints: [{{addresses: \
             [10.1.{a}.{b}]}}, {{addresses: [10.2.{a}.{b}]}}]\nports: [{{name: http, port: \
             8080}}]\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: \
             r{index}, namespace: shop}}\nspec:\n  parentRefs: [{{name: http}}]\n  rules:\n  - matches: \
             [{{path: {{type: PathPrefix, value: /s{index}}}}}]\n    backendRefs: [{{name: s{index}, port: \
             80}}]\n---\napiVersion: gateway.kgateway.dev/v1alpha1\nkind: BackendConfigPolicy\nmetadata: \
             {{name: p{index}, namespace: shop}}\nspec:\n  targetRefs: [{{group: \"\", kind: Service, name: \
             s{index}}}]\n  connectTimeout: 3s\n---\n"
        );
    }
    fs::write(folder.join("services.yaml"), text)?;
    fs::write(
        folder.join("policies.yaml"),
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: http, namespace: \
             shop}}\nspec:\n  gatewayClassName: kgateway\n  listeners: [{{name: http, protocol: HTTP, port: \
             8080}}]\n---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: \
             BackendTrafficPolicy\nmetadata: {{name: limits, namespace: shop}}\nspec:\n  targetRefs: \
             [{{group: gateway.networking.k8s.io, kind: Gateway, name: http}}]\n  circuitBreaker:\n    \
             maxConnections: {limit}\n  timeout: {{http: {{requestTimeout: 10s}}}}\n"
        ),
    )
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}
