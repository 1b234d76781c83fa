// SPDX-License-Identifier: Apache-2.0
//! A day on which everything goes wrong between a gateway and its API server.
//!
//! In: bursts of changes, a line that is slow, cut and closed, an API server that is killed, an etcd
//! that forgets. Out: at the end what a gateway knows that has just started; nothing lost on the way,
//! and not more writes than changes.

use std::{
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sluicegate_testkit::{Httpbin, eventually, free_port};

use crate::{
    bulk::{Bulk, settled, status_writes},
    etcd::compact,
    proxy::Proxy,
    shipped::Shipped,
    support::{ApiServer, CRDS, Gateway, own_address, site, steady_load},
};

/// Policies, each on a Service of its own.
const POLICIES: usize = 500;

/// Policies of the burst in which the leader dies: some seconds of writes.
const BURST: usize = 300;

/// How long a Lease lasts that nobody renews, as the documentation says.
const LEASE: Duration = Duration::from_secs(15);

/// Between two writes of status, as the documentation says.
const PACE: Duration = Duration::from_millis(20);

fn name(number: usize) -> String {
    format!("s{number}")
}

fn names(numbers: Range<usize>) -> Vec<String> {
    numbers.map(name).collect()
}

fn service(number: usize) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name(number) },
        "spec": { "ports": [{ "name": "http", "port": 80 }] },
    })
}

fn policy(number: usize) -> Value {
    json!({
        "apiVersion": "gateway.kgateway.dev/v1alpha1",
        "kind": "BackendConfigPolicy",
        "metadata": { "name": name(number) },
        "spec": {
            "targetRefs": [{ "group": "", "kind": "Service", "name": name(number) }],
            "connectTimeout": "7s",
        },
    })
}

fn connect_timeout(seconds: u32) -> Value {
    json!({ "spec": { "connectTimeout": format!("{seconds}s") } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_everything_that_can_go_wrong_it_is_as_after_a_cold_start() {
    let Some(mut api) = ApiServer::start(&CRDS).await else {
        return;
    };
    let origin = Httpbin::start((own_address(), 0).into()).await.unwrap();
    let port = free_port();
    api.apply(&site(port, origin.address()));
    let proxy = Proxy::start(api.port()).await;
    let gateway = api.gateway_through(proxy.port()).await;
    let load = steady_load(port).await;

    let (client, _) = api.client().await;
    let (services, policies) = (Bulk::services(&client), Bulk::policies(&client));
    arrive(&api, &gateway, &services, &policies).await;
    change_on_a_bad_line(&api, &proxy, &policies).await;
    change_while_away(&mut api, &proxy, &services, &policies).await;

    let report = load.stop().await;
    assert!(report.is_clean() && report.sent > 100, "{report:?}");
    as_after_a_cold_start(&api, gateway).await;
}

/// The leader dies in the middle of a burst: another one goes on where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_in_a_burst_costs_no_request_and_no_status() {
    let Some(api) = ApiServer::start(&CRDS).await else {
        return;
    };
    let origin = Httpbin::start((own_address(), 0).into()).await.unwrap();
    let port = free_port();
    api.apply(&site(port, origin.address()));
    let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let leader = Shipped::start_at(&api, admin, [127, 0, 0, 2].into()).await;
    let holder = || {
        let output = api.run(&["get", "lease", "sluicegate-status", "-o", "json"], "");
        let lease: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(lease["spec"]["holderIdentity"].as_str()?.to_owned())
    };
    let leads = async || holder().filter(|it| it.contains(&format!("_{}_", leader.id())));
    let dead = eventually("the process to lead", leads).await.unwrap();
    let survivor = api.gateway().await;
    let load = steady_load(port).await;
    let (client, _) = api.client().await;
    let (services, policies) = (Bulk::services(&client), Bulk::policies(&client));
    services.create((0..BURST).map(service).collect()).await;
    let last = format!("kube_default_{}_80", name(BURST - 1));
    let there = async || survivor.cluster(&last).await;
    eventually("the last Service", there).await.unwrap();
    let before = status_writes(&api).0;
    let written = || usize::try_from(status_writes(&api).0 - before).unwrap();
    let dies = async {
        let begun = async || (written() > 0).then_some(());
        eventually("the first status", begun).await.unwrap();
        leader.kill();
        written()
    };
    // While they come: a slow API server would let the leader keep pace.
    let (halfway, ()) = tokio::join!(dies, policies.create((0..BURST).map(policy).collect()));
    assert!(halfway < BURST, "{halfway} of {BURST}: the burst was over");

    tokio::time::sleep(LEASE).await;
    let other = async || holder().filter(|it| *it != dead);
    eventually("another leader", other).await.unwrap();
    settled(&policies).await;
    let writes = written();
    println!("{BURST} policies, killed after {halfway}: {writes} writes");
    assert!(writes <= BURST + BURST / 10, "{writes} writes");
    let report = load.stop().await;
    assert!(report.is_clean() && report.sent > 100, "{report:?}");
    as_after_a_cold_start(&api, survivor).await;
}

/// 500 policies in one burst: one write each, at the pace of the writer.
async fn arrive(api: &ApiServer, gateway: &Gateway, services: &Bulk, policies: &Bulk) {
    services.create((0..POLICIES).map(service).collect()).await;
    let last = format!("kube_default_{}_80", name(POLICIES - 1));
    let there = async || gateway.cluster(&last).await;
    eventually("the last Service", there).await.unwrap();
    let before = status_writes(api);
    let started = Instant::now();
    policies.create((0..POLICIES).map(policy).collect()).await;
    settled(policies).await;
    let took = started.elapsed();
    let after = status_writes(api);
    println!("{POLICIES} new policies: {before:?} to {after:?} writes, {took:?}");
    let writes = usize::try_from(after.0 - before.0).unwrap();
    assert!(writes <= POLICIES + POLICIES / 10, "{writes} writes");
    let fastest = PACE * u32::try_from(writes - 1).unwrap();
    assert!(took >= fastest, "{writes} writes in {took:?}");
}

/// The same policies changed in one burst, on a line that is slow and is cut again and again.
async fn change_on_a_bad_line(api: &ApiServer, proxy: &Proxy, policies: &Bulk) {
    let before = status_writes(api);
    proxy.slow(Duration::from_millis(5));
    let cuts = async {
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            proxy.cut();
        }
    };
    let timeout = connect_timeout(8);
    tokio::join!(policies.patch(names(0..POLICIES), &timeout), cuts);
    let took = settled(policies).await;
    proxy.slow(Duration::ZERO);
    let after = status_writes(api);
    println!("{POLICIES} changed policies on a bad line: {before:?} to {after:?} writes, {took:?}");
    let writes = usize::try_from(after.0 - before.0).unwrap();
    assert!(writes <= POLICIES + POLICIES / 2, "{writes} writes");
}

/// Changes that nobody tells of: the line is closed, the API server killed, etcd compacted.
async fn change_while_away(api: &mut ApiServer, proxy: &Proxy, services: &Bulk, policies: &Bulk) {
    let old = policies.list().await[0].metadata.resource_version.clone();
    proxy.close();
    policies.delete(names(0..100)).await;
    policies.patch(names(100..200), &connect_timeout(9)).await;
    services.delete(names(200..250)).await;
    let late: Vec<usize> = (POLICIES..POLICIES + 20).collect();
    services
        .create(late.iter().copied().map(service).collect())
        .await;
    policies
        .create(late.iter().copied().map(policy).collect())
        .await;
    compact(api.etcd()).await;
    api.kill();
    api.resume().await;
    let path = "/apis/gateway.kgateway.dev/v1alpha1/backendconfigpolicies?watch=1";
    let watch = format!("{path}&timeoutSeconds=5&resourceVersion={}", old.unwrap());
    let answer = api.run(&["get", "--raw", &watch], "");
    let answer = [answer.stdout, answer.stderr].concat();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("too old resource version"), "{answer}");
    proxy.open();
    let took = settled(policies).await;
    // One for each that was changed, that came, or that lost its Service.
    let changed = 100 + 20 + 50;
    let lost = async || {
        let policies = policies.list().await;
        let lost = policies.iter().filter(|it| {
            let conditions = &it.data["status"]["ancestors"][0]["conditions"];
            let mut conditions = conditions.as_array().into_iter().flatten();
            conditions.any(|it| it["reason"] == "TargetNotFound")
        });
        (lost.count() == 50).then_some(())
    };
    eventually("the policies to have lost their Services", lost)
        .await
        .unwrap();
    let after = status_writes(api);
    println!("{changed} changes while away: {after:?} writes, {took:?}");
    assert!(after.0 <= changed + changed / 10, "{after:?} writes");
}

/// The snapshot and every status are those of a gateway that has just started, which finds nothing to
/// write.
async fn as_after_a_cold_start(api: &ApiServer, gateway: Gateway) {
    let fresh = api.gateway().await;
    let same = async || (shown(&gateway).await == shown(&fresh).await).then_some(());
    let same = eventually("the same", same).await;
    assert!(
        same.is_ok(),
        "{}",
        difference(&shown(&gateway).await, &shown(&fresh).await)
    );
    let before = status_writes(api);
    gateway.stop().await;
    let holder = || api.get("default", "lease/sluicegate-status")["spec"]["holderIdentity"].clone();
    let held = async || {
        holder()
            .as_str()
            .is_some_and(|it| !it.is_empty())
            .then_some(())
    };
    eventually("the new one to lead", held).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(status_writes(api), before);
    fresh.stop().await;
}

/// What a gateway serves, and what it says of every object.
async fn shown(gateway: &Gateway) -> String {
    let dump = gateway.admin("/config_dump?include_eds").await;
    let mut dump: Value = serde_json::from_str(&dump).unwrap();
    // The ports of the process itself.
    dump["configs"]
        .as_array_mut()
        .unwrap()
        .retain(|it| it.get("bootstrap").is_none());
    let dump = serde_json::to_string_pretty(&dump).unwrap();
    // When a resource came is history.
    let history = ["\"last_updated\"", "\"version_info\""];
    let lines = dump.lines();
    let lines = lines.filter(|line| !history.iter().any(|it| line.contains(it)));
    let dump: Vec<&str> = lines.collect();
    dump.join("\n") + &gateway.admin("/sluicegate/status").await
}

/// Where two texts part, with some lines before and after.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let at = old.iter().zip(&new).position(|(old, new)| old != new);
    let at = at.unwrap_or(old.len().min(new.len()));
    let part = |lines: &[&str]| {
        let lines = lines.iter().skip(at.saturating_sub(20)).take(40);
        lines.fold(String::new(), |text, line| format!("{text}{line}\n"))
    };
    format!("{}\nor\n\n{}", part(&old), part(&new))
}
