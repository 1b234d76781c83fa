// SPDX-License-Identifier: Apache-2.0
//! Chunked bodies cut anywhere, and broken ones.

use super::*;

/// What a reader of the forwarded bytes gets as data; `None` when broken, with whether it ended.
fn read(input: &[u8], step: usize) -> Option<(Vec<u8>, bool, usize)> {
    let mut chunked = Chunked::default();
    let mut wire = Vec::new();
    let mut taken_all = 0;
    for piece in input.chunks(step) {
        let mut at = 0;
        loop {
            let (taken, meaning) = chunked.next(&piece[at..]).ok()?;
            match meaning {
                Piece::Forward(range) => wire.extend_from_slice(&piece[at..][range]),
                Piece::Size(size) => wire.extend_from_slice(format!("{size:x}\r\n").as_bytes()),
                Piece::End => return Some((data(&wire), true, taken_all + at + taken)),
                Piece::More => {}
            }
            at += taken;
            if at == piece.len() {
                break;
            }
        }
        taken_all += piece.len();
    }
    Some((data(&wire), false, taken_all))
}

/// Data of well-formed chunks; the last one may be cut.
fn data(wire: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = wire;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let text = std::str::from_utf8(&rest[..at]).expect("a size");
        let size = usize::from_str_radix(text, 16).expect("a size");
        let body = &rest[at + 2..];
        out.extend_from_slice(&body[..size.min(body.len())]);
        rest = body.get(size + 2..).unwrap_or_default();
    }
    out
}

#[test]
fn cut_anywhere_the_data_is_the_same() {
    for (input, wanted) in [
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!"),
        ("5;x=\"y\"\r\nhello\r\n00;z\r\n\r\n", "hello"),
        ("5 \t;x\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n", "hello"),
        (
            "000a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
            "01234567890123456789",
        ),
        ("0\r\n\r\n", ""),
    ] {
        let next = format!("{input}GET ");
        for step in 1..=next.len() {
            let (data, ended, taken) = read(next.as_bytes(), step).expect("good framing");
            assert_eq!(data, wanted.as_bytes(), "{input:?} by {step}");
            assert!(ended, "{input:?} by {step}");
            assert_eq!(taken, input.len(), "{input:?} by {step}");
        }
    }
}

#[test]
fn broken_framing_is_refused_wherever_it_is_cut() {
    for input in [
        "x\r\n",
        "\r\n",
        "-5\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5 x\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a\0\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "11111111111111111\r\n",
        "0\r\nA: b\n\r\n",
        "0\r\nA : b\r\n\r\n",
        "0\r\n A: b\r\n\r\n",
        "0\r\nA: b\r\n c\r\n\r\n",
        "0\r\nnonsense\r\n\r\n",
    ] {
        for step in 1..=input.len() {
            assert_eq!(read(input.as_bytes(), step), None, "{input:?} by {step}");
        }
    }
}

#[test]
fn random_bytes_never_panic_and_cuts_never_matter() {
    fastrand::seed(11);
    let parts: [&[u8]; 8] = [
        b"5\r\nhello\r\n",
        b"0\r\n",
        b"\r\n",
        b"a;b",
        b"\n",
        b"A: b\r\n",
        b"3\r\n",
        b"abc",
    ];
    for _ in 0..5_000 {
        let mut bytes = Vec::new();
        for _ in 0..fastrand::usize(1..8) {
            if fastrand::u8(..4) > 0 {
                bytes.extend_from_slice(parts[fastrand::usize(..parts.len())]);
            } else {
                bytes.push(fastrand::u8(..));
            }
        }
        let whole = read(&bytes, bytes.len());
        for step in [1, 2, 3, 5] {
            assert_eq!(read(&bytes, step), whole, "{bytes:?} by {step}");
        }
    }
}
