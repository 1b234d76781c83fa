// SPDX-License-Identifier: Apache-2.0
//! Encoding with maps in order.
//!
//! In: a message. Out: its bytes, the entries of every map sorted: generated types keep maps in no
//! order at all, and the same input must give the same bytes.

use prost::{
    Message, Name,
    encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint},
};
use prost_reflect::{Kind, MessageDescriptor};

use crate::descriptor::pool;

/// Encodes `message`; what lies packed inside stays as it was packed.
pub fn encode<M: Message + Name>(message: &M) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    let descriptor = pool().get_message_by_name(&M::full_name());
    let sorted = descriptor.and_then(|descriptor| sort(&descriptor, &bytes));
    sorted.unwrap_or(bytes)
}

/// `None` for bytes that are no message.
fn sort(descriptor: &MessageDescriptor, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    // The entries of the map that is being read, and its number.
    let mut entries: (u32, Vec<Vec<u8>>) = (0, Vec::new());
    let mut rest = bytes;
    while !rest.is_empty() {
        let start = rest;
        let (number, wire_type) = decode_key(&mut rest).ok()?;
        if entries.0 != number {
            flush(&mut entries, &mut out);
        }
        let value = value(wire_type, &mut rest)?;
        let field = descriptor.get_field(number);
        let inner = field.as_ref().and_then(|field| match field.kind() {
            Kind::Message(inner) => Some(inner),
            _ => None,
        });
        let record = match inner.filter(|_| wire_type == WireType::LengthDelimited) {
            Some(inner) => {
                let value = sort(&inner, value)?;
                let mut record = Vec::with_capacity(value.len() + 8);
                encode_key(number, wire_type, &mut record);
                encode_varint(value.len() as u64, &mut record);
                record.extend_from_slice(&value);
                record
            }
            None => start[..start.len() - rest.len()].to_vec(),
        };
        if field.is_some_and(|field| field.is_map()) {
            entries.0 = number;
            entries.1.push(record);
        } else {
            out.extend_from_slice(&record);
        }
    }
    flush(&mut entries, &mut out);
    Some(out)
}

fn flush(entries: &mut (u32, Vec<Vec<u8>>), out: &mut Vec<u8>) {
    entries.1.sort_unstable();
    for entry in entries.1.drain(..) {
        out.extend_from_slice(&entry);
    }
}

/// The value of a field, without its length.
fn value<'a>(wire_type: WireType, rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = match wire_type {
        WireType::Varint => {
            let mut after = *rest;
            decode_varint(&mut after).ok()?;
            rest.len() - after.len()
        }
        WireType::SixtyFourBit => 8,
        WireType::ThirtyTwoBit => 4,
        WireType::LengthDelimited => usize::try_from(decode_varint(rest).ok()?).ok()?,
        WireType::StartGroup | WireType::EndGroup => return None,
    };
    let (value, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(value)
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::{
        envoy::config::route::v3::{Route, RouteConfiguration, VirtualHost},
        google::protobuf::Any,
    };

    use super::*;

    #[test]
    fn maps_have_one_order_and_nothing_is_lost() {
        let names = ["b", "a", "long name", "d", "c", "e", "f"];
        let message = || RouteConfiguration {
            name: "routes".to_owned(),
            virtual_hosts: vec![VirtualHost {
                name: "v".to_owned(),
                routes: vec![Route {
                    name: "r".to_owned(),
                    typed_per_filter_config: names
                        .map(|name| (name.to_owned(), Any::default()))
                        .into(),
                    ..Route::default()
                }],
                ..VirtualHost::default()
            }],
            ignore_port_in_host_matching: true,
            ..RouteConfiguration::default()
        };
        let bytes = encode(&message());
        for _ in 0..20 {
            assert_eq!(encode(&message()), bytes);
        }
        assert_eq!(
            RouteConfiguration::decode(bytes.as_slice()).unwrap(),
            message()
        );
    }
}
