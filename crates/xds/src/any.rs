// SPDX-License-Identifier: Apache-2.0
//! Packing messages into `google.protobuf.Any`.
//!
//! In: a typed message. Out: an `Any` under the `type.googleapis.com/` prefix, and back.

use envoy_types::pb::google::protobuf::Any;
use prost::{Message, Name};

use crate::sorted;

/// The prefix of every type URL.
pub const PREFIX: &str = "type.googleapis.com/";

/// Packs a message.
pub fn pack<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: format!("{PREFIX}{}", M::full_name()),
        value: message.encode_to_vec(),
    }
}

/// As [`pack`], with the entries of maps in order.
pub fn pack_sorted<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: format!("{PREFIX}{}", M::full_name()),
        value: sorted::encode(message),
    }
}

/// Unpacks a message; `None` when the `Any` holds another type or bytes that do not decode.
pub fn unpack<M: Message + Name + Default>(any: &Any) -> Option<M> {
    let name = any.type_url.rsplit('/').next()?;
    (name == M::full_name())
        .then(|| M::decode(any.value.as_slice()).ok())
        .flatten()
}
