// SPDX-License-Identifier: Apache-2.0
//! What is chosen, and what comes out again.

use std::io::Read;

use super::*;

fn compressor(coding: Coding) -> Compressor {
    Compressor {
        filter: "f".into(),
        library: "l".into(),
        coding,
        min_length: 30,
        choose_first: coding == Coding::Zstd,
        spare_etags: false,
        weaken_etags: false,
        spared_statuses: Vec::new(),
        hides_accept: true,
        by_direction: true,
    }
}

/// Recorded from Envoy 1.40 with these three compressors, zstd going first.
#[test]
fn codings_are_chosen_as_envoy_does() {
    let all = [Coding::Gzip, Coding::Brotli, Coding::Zstd].map(compressor);
    let all: Vec<&Compressor> = all.iter().collect();
    for (accept, coding, why) in [
        ("gzip", "gzip", Why::Used),
        ("br", "br", Why::Used),
        ("gzip, br, zstd", "zstd", Why::Used),
        ("br, gzip", "br", Why::Used),
        ("gzip;q=0.5, br;q=0.9", "br", Why::Used),
        ("*", "gzip", Why::Wildcard),
        ("gzip;q=0, *", "br", Why::Wildcard),
        ("gzip;q=0, br;q=0,zstd;q=0, *", "", Why::NotValid),
        ("identity", "", Why::Identity),
        ("identity, gzip", "", Why::Identity),
        ("gzip, identity", "gzip", Why::Used),
        ("identity, zstd", "zstd", Why::Used),
        ("deflate", "", Why::NotValid),
        ("", "", Why::NotValid),
        (", ,", "", Why::NotValid),
        ("gzip;q=0", "", Why::NotValid),
        ("GZIP", "", Why::NotValid),
        ("gzip;q=abc", "", Why::NotValid),
        ("br;q=0.5,gzip;q=0.5", "br", Why::Used),
        ("zstd;q=0, *", "gzip", Why::Wildcard),
        ("*, gzip", "gzip", Why::Wildcard),
        ("*,zstd", "zstd", Why::Used),
        ("gzip;Q=0.3,br;q=0.2", "gzip", Why::Used),
        ("gzip;level=1;q=0.2,br;q=0.3", "gzip", Why::Used),
        ("gzip;q=2,br", "gzip", Why::Used),
        ("gzip;q=-1,br", "br", Why::Used),
        ("gzip; q = 0.1 , br;q=0.2", "br", Why::Used),
        ("br;q=1,zstd;q=1,gzip", "zstd", Why::Used),
    ] {
        let decision = choose(accept.as_bytes(), &all, Some("text/plain"));
        let chosen = decision.coding.map_or("", Coding::token);
        assert_eq!(chosen, coding, "{accept}");
        if let Some(coding) = decision.coding {
            assert_eq!(decision.why_for(coding), why, "{accept}");
        } else {
            assert_eq!(decision.why_for(Coding::Gzip), why, "{accept}");
        }
    }
    let other = choose(b"gzip", &all, Some("image/png"));
    assert_eq!(other.why_for(Coding::Gzip), Why::NotValid);
}

#[test]
fn bodies_come_out_again_piece_by_piece() {
    let text = b"some words and some words again, ".repeat(50);
    for coding in [Coding::Brotli, Coding::Gzip, Coding::Zstd] {
        let mut encoder = Encoder::new(coding).expect("an encoder");
        let mut whole = Vec::new();
        for piece in text.chunks(400) {
            encoder.write(piece).expect("taken");
            let out = encoder.flush().expect("flushed");
            assert!(!out.is_empty(), "{coding:?}");
            whole.extend(out);
        }
        assert_eq!(encoder.flush().expect("flushed"), b"");
        whole.extend(encoder.finish().expect("finished"));
        let mut back = Vec::new();
        match coding {
            Coding::Brotli => brotli::Decompressor::new(&whole[..], 4096).read_to_end(&mut back),
            Coding::Gzip => flate2::read::GzDecoder::new(&whole[..]).read_to_end(&mut back),
            Coding::Zstd => zstd::stream::read::Decoder::new(&whole[..])
                .expect("a decoder")
                .read_to_end(&mut back),
        }
        .expect("what was compressed");
        assert_eq!(back, text, "{coding:?}");
        assert!(whole.len() < text.len(), "{coding:?}");
    }
}
