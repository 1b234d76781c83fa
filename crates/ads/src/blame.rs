// SPDX-License-Identifier: Apache-2.0
//! Which resources of a refused response are at fault.
//!
//! In: the client's error text and the names that were in the response. Out: those that the text
//! accuses. Envoy lists `name: reason` for what it could not apply, and prints the message for what
//! breaks a constraint; a name inside another name is no match.

use std::sync::Arc;

/// The accused among `names`; empty when the text accuses none of them.
pub(crate) fn accused<'n>(text: &str, names: impl Iterator<Item = &'n Arc<str>>) -> Vec<Arc<str>> {
    let (mut listed, mut mentioned) = (Vec::new(), Vec::new());
    for name in names {
        match strongest_mention(text, name) {
            Some(Mention::Listed) => listed.push(name.clone()),
            Some(Mention::Anywhere) => mentioned.push(name.clone()),
            None => {}
        }
    }
    // Beside a list, a mention is part of a reason.
    if listed.is_empty() { mentioned } else { listed }
}

#[derive(PartialEq)]
enum Mention {
    Anywhere,
    Listed,
}

fn strongest_mention(text: &str, name: &str) -> Option<Mention> {
    if name.is_empty() {
        return None;
    }
    let mut found = None;
    for (start, _) in text.match_indices(name) {
        let before = text[..start].chars().next_back();
        let after = &text[start + name.len()..];
        if before.is_some_and(of_a_name) || continues(after) {
            continue;
        }
        if after.starts_with(": ") {
            return Some(Mention::Listed);
        }
        found = Some(Mention::Anywhere);
    }
    found
}

fn of_a_name(letter: char) -> bool {
    letter.is_alphanumeric() || "_-~./".contains(letter)
}

/// Whether the name goes on; a dot may also end a sentence.
fn continues(after: &str) -> bool {
    let mut letters = after.chars();
    match letters.next() {
        Some('.') => letters.next().is_some_and(of_a_name),
        Some(letter) => of_a_name(letter),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let names: Vec<Arc<str>> = ["kube_a_b_80", "kube_a_b_8000", "listener~80"]
            .map(Arc::from)
            .into();
        accused(text, names.iter())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn finds_what_envoy_lists() {
        let text = "Error adding/updating cluster(s) kube_a_b_8000: no such thing as kube_a_b_80";
        assert_eq!(of(text), ["kube_a_b_8000"]);
        let text = "Error adding/updating listener(s) listener~80: bad, listener~8080: bad\n";
        assert_eq!(of(text), ["listener~80"]);
    }

    #[test]
    fn finds_names_in_printed_messages() {
        let text = "Proto constraint validation failed (ClusterValidationError.ConnectTimeout: \
                    value must be greater than 0s): name: \"kube_a_b_80\"";
        assert_eq!(of(text), ["kube_a_b_80"]);
        assert_eq!(of("refused kube_a_b_80."), ["kube_a_b_80"]);
    }

    #[test]
    fn accuses_nobody_without_a_name() {
        assert!(of("unknown field").is_empty());
        assert!(of("x_kube_a_b_80 kube_a_b_80.local").is_empty());
    }
}
