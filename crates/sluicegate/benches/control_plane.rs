// SPDX-License-Identifier: Apache-2.0
//! The control plane at 10,000 Services with 10,000 policies.
//!
//! In: manifests that the benchmark writes. Out: time of a cold start from files to snapshot, time
//! after one policy changed, how many backends that cost, and resident memory. Run with
//! `cargo bench -p sluicegate --bench control_plane`; `SERVICES=1000` for a smaller fleet.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sluicegate::pipeline::{Options, Pipeline, Round};
use sluicegate_manifest::source::Input;

const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let services: usize = std::env::var("SERVICES")
        .ok()
        .map_or(Ok(10_000), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("sluicegate-bench-{}", std::process::id()));
    write_manifests(&folder, services)?;
    let result = measure(&folder, services);
    fs::remove_dir_all(&folder)?;
    result
}

fn measure(folder: &Path, services: usize) -> Result<(), Box<dyn std::error::Error>> {
    let idle = resident_kib();
    let mut cold = Vec::new();
    let mut changes = Vec::new();
    let mut touched = Vec::new();
    let mut memory = 0;
    for _ in 0..ROUNDS {
        let mut pipeline = Pipeline::new(vec![Input::Path(folder.to_owned())], Options::default());
        let (time, round) = timed(&mut pipeline)?;
        assert!(!round.has_errors(), "{:?}", round.diagnostics.first());
        assert_eq!(round.translation.translated_backends, services);
        cold.push(time);
        memory = memory.max(resident_kib());
        drop(round);
        for change in 0..ROUNDS {
            write_policy(folder, change, 7 + change + cold.len() * 10)?;
            let (time, round) = timed(&mut pipeline)?;
            changes.push(time);
            touched.push(round.translation.translated_backends);
        }
    }
    println!("services and policies            {services}");
    println!(
        "cold start, files to snapshot    {:>8.1} ms",
        median(&mut cold)
    );
    println!(
        "one policy changed               {:>8.1} ms",
        median(&mut changes)
    );
    println!(
        "backends translated per change   {:>8}",
        touched.iter().max().unwrap_or(&0)
    );
    println!(
        "resident memory above idle       {:>8.1} MiB",
        (memory - idle) as f64 / 1024.0
    );
    Ok(())
}

fn timed(pipeline: &mut Pipeline) -> Result<(Duration, Round), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let round = pipeline.round()?.ok_or("the change was not seen")?;
    Ok((start.elapsed(), round))
}

/// A file of 100 Services with EndpointSlices each, and a file per policy.
fn write_manifests(folder: &Path, services: usize) -> std::io::Result<()> {
    fs::create_dir_all(folder.join("policies"))?;
    fs::write(folder.join("gateway.yaml"), GATEWAY)?;
    for first in (0..services).step_by(100) {
        let mut text = String::new();
        for index in first..services.min(first + 100) {
            let _ = write!(text, "{}", service(index));
        }
        fs::write(folder.join(format!("services-{first}.yaml")), text)?;
    }
    (0..services).try_for_each(|index| write_policy(folder, index, 5))
}

fn write_policy(folder: &Path, index: usize, seconds: usize) -> std::io::Result<()> {
    let path: PathBuf = folder.join(format!("policies/{index}.yaml"));
    fs::write(
        path,
        format!(
            "apiVersion: gateway.kgateway.dev/v1alpha1\nkind: BackendConfigPolicy\nmetadata:\n  \
             name: p{index}\n  namespace: fleet\nspec:\n  targetRefs:\n  - group: \"\"\n    kind: \
             Service\n    name: s{index}\n  connectTimeout: {seconds}s\n  commonHttpProtocolOptions:\n    \
             idleTimeout: 10s\n    maxRequestsPerConnection: 100\n  circuitBreakers:\n    \
             maxConnections: 500\n"
        ),
    )
}

fn service(index: usize) -> String {
    let (a, b) = (index / 250, index % 250 + 1);
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: s{index}\n  namespace: fleet\nspec:\n  ports:\n  \
         - name: http\n    port: 80\n    targetPort: 8080\n---\napiVersion: discovery.k8s.io/v1\nkind: \
         EndpointSlice\nmetadata:\n  name: s{index}-1\n  namespace: fleet\n  labels:\n    \
         kubernetes.io/service-name: s{index}\naddressType: IPv4\nendpoints:\n- addresses: \
         [10.1.{a}.{b}]\n- addresses: [10.2.{a}.{b}]\nports:\n- name: http\n  port: 8080\n---\n"
    )
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: http, namespace: fleet}
spec:
  gatewayClassName: kgateway
  listeners:
  - {name: http, protocol: HTTP, port: 8080}
";
