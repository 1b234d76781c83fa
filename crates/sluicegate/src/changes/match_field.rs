// SPDX-License-Identifier: Apache-2.0
//! How well a policy's field fits a field of Envoy's.
//!
//! In: the path of a changed field in a resource, and the Envoy field that a leaf of a policy
//! becomes. Out: a number; 0 where it does not fit. The paths in
//! [`fields`](sluicegate_translate::fields) leave out lists, `Any`s and extensions that lie between.

/// The fit of a leaf: one for each name that both paths have in order, and one if the leaf is called
/// as the field is.
pub(super) fn fit(changed: &[&str], envoy_field: &str, leaf: &str) -> usize {
    let wanted: Vec<&str> = envoy_field.split('.').collect();
    let Some(start) = changed.iter().position(|name| Some(name) == wanted.first()) else {
        return 0;
    };
    let mut rest = &changed[start..];
    let mut found = 0;
    for name in &wanted {
        let Some(at) = rest.iter().position(|it| it == name) else {
            continue;
        };
        rest = &rest[at + 1..];
        found += 1;
    }
    found * 2 + usize::from(is_called(changed, leaf))
}

/// Whether all of `envoy_field` is in the changed path, and the leaf is that field or called as it.
pub(super) fn is_exact(changed: &[&str], envoy_field: &str, leaf: &str) -> bool {
    let wanted = envoy_field.split('.').count();
    let last = envoy_field.rsplit('.').next();
    fit(changed, envoy_field, leaf) >= wanted * 2
        && (is_called(changed, leaf) || changed.last().copied() == last)
}

fn is_called(changed: &[&str], leaf: &str) -> bool {
    let plain = |name: &str| -> String {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let (Some(field), Some(leaf)) = (changed.last(), leaf.rsplit('.').next()) else {
        return false;
    };
    let (field, leaf) = (plain(field), plain(leaf));
    field.starts_with(&leaf) || leaf.starts_with(&field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closer_fields_fit_better() {
        let changed = ["outlier_detection", "consecutive_5xx"];
        let fits = |leaf| fit(&changed, "outlier_detection", leaf);
        assert!(
            fits("healthCheck.passive.consecutive5XxErrors") > fits("healthCheck.passive.interval")
        );
        assert_eq!(fit(&changed, "health_checks.interval", "x"), 0);
        let options = [
            "typed_extension_protocol_options",
            "a.b",
            "common_http_protocol_options",
            "idle_timeout",
        ];
        assert_eq!(
            fit(
                &options,
                "common_http_protocol_options.idle_timeout",
                "idleTimeout"
            ),
            5
        );
        assert!(is_exact(
            &options,
            "common_http_protocol_options.idle_timeout",
            "x"
        ));
        assert!(!is_exact(
            &changed,
            "outlier_detection.interval",
            "interval"
        ));
    }
}
