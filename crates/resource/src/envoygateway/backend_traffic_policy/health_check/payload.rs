// SPDX-License-Identifier: Apache-2.0
//! What a health check sends or expects: text, or binary in base64.
//!
//! In: the block; the seed leaves out its type. Out: the bytes.

use crate::{
    admission::{Block, Field},
    value::decode_base64,
};

/// The bytes of a payload. Envoy refuses an empty text.
pub(super) fn payload(field: &Field<'_>) -> Option<Vec<u8>> {
    field.object(|block| decode(block, field))?
}

fn decode(block: &Block<'_>, field: &Field<'_>) -> Option<Vec<u8>> {
    let kind = block.optional("type");
    let kind = kind.and_then(|field| field.word(&["Text", "Binary"]));
    let text = block.optional("text");
    let binary = block.optional("binary");
    match (text, binary) {
        (Some(_), Some(_)) => {
            field.reject_with(
                "at most one of the fields in [text binary] may be set",
                "keep one of the two",
            );
            None
        }
        (None, None) => {
            field.reject("one of the fields in [text binary] must be set");
            None
        }
        (Some(text), None) => {
            mismatch(&text, kind.as_deref(), "Text");
            Some(text.text(usize::MAX)?.as_bytes().to_vec())
        }
        (None, Some(binary)) => {
            mismatch(&binary, kind.as_deref(), "Binary");
            let bytes = decode_base64(binary.text(usize::MAX)?);
            if bytes.is_none() {
                binary.reject("must be base64");
            }
            bytes
        }
    }
}

fn mismatch(field: &Field<'_>, written: Option<&str>, wanted: &str) {
    if written.is_some_and(|written| written != wanted) {
        field.reject_with(
            format!("may only be set when type is {wanted}"),
            format!("write `type: {wanted}`"),
        );
    }
}
