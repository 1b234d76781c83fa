// SPDX-License-Identifier: Apache-2.0
//! Private keys and passwords, taken out of what is shown.
//!
//! In: a resource as JSON. Out: the same with `[redacted]` in place of secrets, as Envoy's own
//! `config_dump` does it.

use serde_json::Value;

/// Fields whose data source is secret.
const SECRET: [&str; 3] = ["password", "private_key", "generic_secret"];

/// Replaces every secret in `value`.
pub fn redact(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(entries) => {
            for (key, value) in entries {
                if SECRET.contains(&key.as_str()) {
                    blank(value);
                } else {
                    redact(value);
                }
            }
        }
        _ => {}
    }
}

/// A data source names a file, which is no secret, or holds the secret itself.
fn blank(source: &mut Value) {
    let Value::Object(entries) = source else {
        *source = "[redacted]".into();
        return;
    };
    for (key, value) in entries {
        match key.as_str() {
            "inline_string" => *value = "[redacted]".into(),
            // Base64 of the same word.
            "inline_bytes" => *value = "W3JlZGFjdGVkXQ==".into(),
            "secret" => blank(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keeps_files_and_public_parts() {
        let mut value = json!({"tls_certificates": [{
            "certificate_chain": {"inline_string": "public"},
            "private_key": {"inline_string": "secret"},
            "password": {"inline_bytes": "c2VjcmV0"},
        }, {"private_key": {"filename": "/key.pem"}}]});
        redact(&mut value);
        let text = value.to_string();
        assert!(
            text.contains("public") && text.contains("/key.pem"),
            "{text}"
        );
        assert!(
            !text.contains("secret\"") && !text.contains("c2VjcmV0"),
            "{text}"
        );
    }
}
