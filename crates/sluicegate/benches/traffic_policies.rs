// SPDX-License-Identifier: Apache-2.0
//! 1,000 HTTPRoutes with a BackendTrafficPolicy each, on 100 Services that they share.
//!
//! In: manifests that the benchmark writes. Out: how many clusters and endpoint sets, how large the
//! snapshot, how long from files to snapshot and after one policy changed; for policies that say
//! nothing about connections, for one in ten that does, and for all; and beside them what a cluster
//! with endpoints for each rule costs, which is that of a Service for each. Run with
//! `cargo bench -p sluicegate --bench traffic_policies`; `ROUTES=100` for fewer.

use std::{
    error::Error,
    fmt::Write as _,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use sluicegate::pipeline::{Options, Pipeline, Round};
use sluicegate_manifest::source::Input;
use sluicegate_snapshot::{ResourceType, Snapshot};

const ROUNDS: usize = 5;
const SERVICES: usize = 100;
const ENDPOINTS: usize = 10;

/// What the policies say.
struct Fleet {
    name: &'static str,
    services: usize,
    /// A Service for each rule, whose limits are the Service's.
    own_services: bool,
    /// Every so many policies have a limit on connections.
    limits_every: Option<usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let routes: usize = std::env::var("ROUTES")
        .ok()
        .map_or(Ok(1000), |text| text.parse())?;
    println!(
        "{routes} routes with a policy each, {ENDPOINTS} endpoints of a Service\n{:<44} {:>8} {:>9} \
         {:>9} {:>10} {:>10}",
        "", "clusters", "endpoints", "MiB", "cold, ms", "change, ms"
    );
    let shared = |name, limits_every| Fleet {
        name,
        services: SERVICES,
        own_services: false,
        limits_every,
    };
    let own = Fleet {
        name: "a cluster and endpoints for each rule",
        services: routes,
        own_services: true,
        limits_every: None,
    };
    for fleet in [
        shared("shared Services, timeouts and retries only", None),
        shared("shared Services, one in ten has limits", Some(10)),
        shared("shared Services, every policy has limits", Some(1)),
        own,
    ] {
        let folder = std::env::temp_dir().join(format!("sluicegate-bench-{}", std::process::id()));
        write_manifests(&folder, routes, &fleet)?;
        let result = measure(&folder, &fleet);
        fs::remove_dir_all(&folder)?;
        result?;
    }
    Ok(())
}

fn measure(folder: &Path, fleet: &Fleet) -> Result<(), Box<dyn Error>> {
    let (mut cold, mut changes, mut row) = (Vec::new(), Vec::new(), String::new());
    for turn in 0..ROUNDS {
        let mut pipeline = Pipeline::new(vec![Input::Path(folder.to_owned())], Options::default());
        let (time, round) = timed(&mut pipeline)?;
        assert!(!round.has_errors(), "{:?}", round.diagnostics.first());
        cold.push(time);
        row = sizes(&round.translation.all);
        for change in 0..ROUNDS {
            write_policy(folder, change, fleet, 20 + turn * ROUNDS + change)?;
            changes.push(timed(&mut pipeline)?.0);
        }
    }
    let (cold, changes) = (median(&mut cold), median(&mut changes));
    println!("{:<44} {row} {cold:>10.1} {changes:>10.1}", fleet.name);
    Ok(())
}

/// Clusters, base clusters included; endpoint sets; and the size of everything.
fn sizes(snapshot: &Snapshot) -> String {
    let count = |kind| snapshot.resources(kind).len();
    let resources = ResourceType::ALL.into_iter();
    let bytes: usize = resources
        .flat_map(|kind| snapshot.resources(kind).values())
        .map(|resource| resource.body.len())
        .sum();
    let (clusters, endpoints) = (count(ResourceType::Cluster), count(ResourceType::Endpoint));
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    format!("{clusters:>8} {endpoints:>9} {mebibytes:>9.2}")
}

fn timed(pipeline: &mut Pipeline) -> Result<(Duration, Round), Box<dyn Error>> {
    let start = Instant::now();
    let round = pipeline.round()?.ok_or("the change was not seen")?;
    Ok((start.elapsed(), round))
}

fn write_manifests(folder: &Path, routes: usize, fleet: &Fleet) -> std::io::Result<()> {
    fs::create_dir_all(folder.join("policies"))?;
    fs::write(folder.join("gateway.yaml"), GATEWAY)?;
    let services: String = (0..fleet.services).map(|it| service(it, fleet)).collect();
    fs::write(folder.join("services.yaml"), services)?;
    let rules: String = (0..routes).map(|it| route(it, fleet.services)).collect();
    fs::write(folder.join("routes.yaml"), rules)?;
    (0..routes).try_for_each(|index| write_policy(folder, index, fleet, 10))
}

fn write_policy(folder: &Path, index: usize, fleet: &Fleet, seconds: usize) -> std::io::Result<()> {
    let limits = fleet
        .limits_every
        .is_some_and(|every| index.is_multiple_of(every));
    let limits = match limits && !fleet.own_services {
        true => "  circuitBreaker: {maxConnections: 500}\n",
        false => "",
    };
    fs::write(
        folder.join(format!("policies/{index}.yaml")),
        format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\nmetadata: {{name: \
             p{index}, namespace: fleet}}\nspec:\n  targetRef: {{group: gateway.networking.k8s.io, kind: \
             HTTPRoute, name: r{index}}}\n  timeout: {{http: {{requestTimeout: {seconds}s}}}}\n  retry: \
             {{numRetries: 1}}\n{limits}"
        ),
    )
}

fn route(index: usize, services: usize) -> String {
    let service = index % services;
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r{index}, namespace: \
         fleet}}\nspec:\n  parentRefs: [{{name: http}}]\n  rules:\n  - matches: [{{path: {{type: PathPrefix, \
         value: /r{index}}}}}]\n    backendRefs: [{{name: s{service}, port: 80}}]\n---\n"
    )
}

fn service(index: usize, fleet: &Fleet) -> String {
    let mut text = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: s{index}, namespace: fleet}}\nspec:\n  ports:\n  \
         - {{name: http, port: 80, targetPort: 8080}}\n---\napiVersion: discovery.k8s.io/v1\nkind: \
         EndpointSlice\nmetadata:\n  name: s{index}-1\n  namespace: fleet\n  labels: \
         {{kubernetes.io/service-name: s{index}}}\naddressType: IPv4\nports: [{{name: http, port: \
         8080}}]\nendpoints:\n"
    );
    for endpoint in 0..ENDPOINTS {
        let (a, b) = (index / 250, index % 250 + 1);
        let _ = writeln!(text, "- addresses: [10.{}.{a}.{b}]", endpoint + 1);
    }
    if fleet.own_services {
        let _ = write!(
            text,
            "---\napiVersion: gateway.kgateway.dev/v1alpha1\nkind: BackendConfigPolicy\nmetadata: {{name: \
             b{index}, namespace: fleet}}\nspec:\n  targetRefs: [{{group: \"\", kind: Service, name: \
             s{index}}}]\n  circuitBreakers: {{maxConnections: 500}}\n"
        );
    }
    text.push_str("---\n");
    text
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: http, namespace: fleet}
spec:
  gatewayClassName: sluicegate
  listeners:
  - {name: http, protocol: HTTP, port: 8080}
";
