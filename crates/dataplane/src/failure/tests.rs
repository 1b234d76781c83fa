// SPDX-License-Identifier: Apache-2.0
//! The guide for debugging has every row of the table.

use std::{collections::BTreeSet, fs, path::Path};

use super::*;
use crate::tls::TlsError;

/// Every failure, and each kind of those that have kinds.
fn all() -> Vec<Failure> {
    use Failure::*;
    let mut all = vec![
        ClientGone,
        ClusterHeaders,
        ClusterUnderscore,
        ConnectFailed(ConnectError::Refused),
        ConnectFailed(ConnectError::Unreachable),
        ConnectFailed(ConnectError::Tls(TlsError::San)),
        ConnectFailed(ConnectError::Other),
        ConnectTimeout,
        FaultAbort(Abort::Http(AS_SET)),
        HeadersTimeout,
        Http2Headers,
        Http2Underscore,
        MaxDuration,
        NoCluster(AS_SET),
        NoHealthyUpstream,
        NoRoute,
        NotAdmitted,
        Overflow,
        PayloadTooLarge,
        PerTryIdle,
        PerTryTimeout,
        Protocol,
        RateLimited(AS_SET),
        RefusedStream,
        RemoteReset,
        RequestTimeout,
        RetryBuffer,
        RouteTimeout,
        StreamIdle,
        Terminated,
        Underscore,
        UpgradeRefused,
        UpstreamMaxDuration,
    ];
    let errors = [
        HeadError::LengthAndChunked,
        HeadError::Connection,
        HeadError::Characters,
        HeadError::Path,
        HeadError::Malformed,
        HeadError::MissingHost,
        HeadError::OldVersion,
        HeadError::TooLarge,
        HeadError::TooMany,
        HeadError::TransferEncoding,
    ];
    all.extend(errors.map(BadRequest));
    all
}

/// Stands for whatever a route chooses.
const AS_SET: u16 = 1;

/// The first word of a variant.
fn name(debug: &str) -> String {
    let end = debug.find(|it: char| !it.is_ascii_alphanumeric());
    debug[..end.unwrap_or(debug.len())].to_owned()
}

#[test]
fn the_list_is_complete() {
    let source = include_str!("../failure.rs");
    let (_, variants) = source.split_once("pub(crate) enum Failure {").unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let lines = variants.lines().map(str::trim);
    let variants = lines.filter(|line| !line.is_empty() && !line.starts_with("///"));
    let listed = all().into_iter().map(|it| name(&format!("{it:?}")));
    assert_eq!(
        variants.map(name).collect::<BTreeSet<_>>(),
        listed.collect()
    );
}

#[test]
fn the_guide_has_every_row() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/debugging.md");
    let page = fs::read_to_string(path).unwrap();
    for failure in all() {
        let row = failure.row();
        let status = match row.status {
            0 => "–".to_owned(),
            AS_SET => "as set".to_owned(),
            status => status.to_string(),
        };
        let details = match (failure, row.details) {
            (_, "") => "none".to_owned(),
            (Failure::ConnectFailed(ConnectError::Tls(_)), details) => {
                let (head, _) = details.split_once("TLS_error:").unwrap();
                format!("`{head}TLS_error:…}}`")
            }
            (_, details) => format!("`{details}`"),
        };
        let details = details.replace('|', "\\|");
        let line = format!("| `{}` | {status} | {details} | ", row.flag);
        assert!(page.contains(&line), "{failure:?}: {line}");
        if row.late_details.contains("after_response_started") {
            let line = format!(
                "| `{}` | the backend's | `{}` | ",
                row.flag, row.late_details
            );
            assert!(page.contains(&line), "{failure:?}: {line}");
        }
    }
}
