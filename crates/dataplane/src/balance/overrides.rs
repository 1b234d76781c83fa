// SPDX-License-Identifier: Apache-2.0
//! `override_host`: addresses that a request names itself.
//!
//! In: values of the headers that may name them. Out: the addresses, each once.

use std::net::SocketAddr;

/// Addresses for the selections of one request, the next one first.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    addresses: Vec<SocketAddr>,
    next: usize,
}

impl Overrides {
    /// Adds a header's value: addresses with commas between them. What is none is passed over.
    pub(crate) fn add(&mut self, value: &[u8]) {
        let words = value.split(|byte| *byte == b',');
        let texts = words.filter_map(|word| std::str::from_utf8(word.trim_ascii()).ok());
        self.addresses
            .extend(texts.filter_map(|text| text.parse::<SocketAddr>().ok()));
    }

    /// Whether none is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.next == self.addresses.len()
    }

    /// Starts over; the space stays.
    pub(crate) fn clear(&mut self) {
        self.addresses.clear();
        self.next = 0;
    }
}

impl Iterator for Overrides {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        let address = self.addresses.get(self.next).copied()?;
        self.next += 1;
        Some(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_in_order_and_once() {
        let mut overrides = Overrides::default();
        overrides.add(b"10.0.0.1:80, nonsense,[::1]:81,10.0.0.2");
        overrides.add(b"10.0.0.2:80");
        let found: Vec<String> = overrides.by_ref().map(|it| it.to_string()).collect();
        assert_eq!(found, ["10.0.0.1:80", "[::1]:81", "10.0.0.2:80"]);
        assert!(overrides.is_empty());
    }
}
