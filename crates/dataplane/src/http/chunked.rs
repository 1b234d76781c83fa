// SPDX-License-Identifier: Apache-2.0
//! The chunked coding, read for forwarding.
//!
//! In: bytes as they arrive, cut anywhere. Out: ranges that can be sent on as they stand (whole
//! chunks with their framing), size lines that must be written anew because they were cut or
//! carried extensions, and the end with its trailers.

use std::ops::Range;

use super::head::field_line;

/// Reads one chunked body.
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    state: State,
    /// Size of the chunk whose size line is being read, or what is left of its data.
    left: u64,
    digits: u8,
    /// Bytes behind the size, on its line.
    extension: u16,
    /// Bytes of data so far.
    data: u64,
    /// Trailer section as read, without the final empty line.
    trailers: Vec<u8>,
}

/// What the next bytes mean.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// The body is over.
    End,
    /// These bytes of the input can be sent as they are.
    Forward(Range<usize>),
    /// Nothing can be sent until more has been read.
    More,
    /// A size line for this many bytes must be sent.
    Size(u64),
}

/// The framing is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    AfterSize,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    Done,
}

impl Chunked {
    /// Reads on at the start of `input`. Returns how many bytes were taken and what they mean.
    pub(crate) fn next(&mut self, input: &[u8]) -> Result<(usize, Piece), Broken> {
        let mut at = 0;
        loop {
            match self.state {
                State::Data | State::DataCr | State::DataLf => {
                    let end = self.run(input, at)?;
                    let piece = if end > at {
                        Piece::Forward(at..end)
                    } else {
                        Piece::More
                    };
                    return Ok((end, piece));
                }
                State::Trailers => return self.trailer_bytes(input, at),
                State::Done => return Ok((at, Piece::End)),
                _ => {
                    let fresh = self.state == State::Size && self.digits == 0;
                    let start = at;
                    let (taken, plain) = self.size_line(&input[at..])?;
                    at += taken;
                    match self.state {
                        State::Data if fresh && plain => {
                            let end = self.run(input, at)?;
                            return Ok((end, Piece::Forward(start..end)));
                        }
                        State::Data => return Ok((at, Piece::Size(self.left))),
                        State::Trailers => {}
                        _ => return Ok((at, Piece::More)),
                    }
                }
            }
        }
    }

    /// Reads on at the start of `input`. Returns how many bytes were taken, and which of these are
    /// data, which are the last ones taken.
    pub(crate) fn next_data(&mut self, input: &[u8]) -> Result<(usize, Range<usize>), Broken> {
        let mut at = 0;
        while at < input.len() {
            match self.state {
                State::Data => {
                    let rest = input.len() - at;
                    let take = rest.min(usize::try_from(self.left).unwrap_or(usize::MAX));
                    self.left -= take as u64;
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok((at + take, at..at + take));
                }
                State::DataCr | State::DataLf => {
                    // One byte at a time, so that `run` does not join the next chunk to it.
                    self.run(&input[at..=at], 0)?;
                    at += 1;
                }
                State::Trailers => return Ok((self.trailer_bytes(input, at)?.0, 0..0)),
                State::Done => break,
                _ => at += self.size_line(&input[at..])?.0,
            }
        }
        Ok((at, 0..0))
    }

    /// The trailer section: field lines with their line ends, valid once `End` was seen.
    pub(crate) fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// Bytes of data so far.
    pub(crate) fn data(&self) -> u64 {
        self.data
    }

    /// Whether the end was read.
    pub(crate) fn done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes data, and whole plain chunks after it, for as long as they can be forwarded as read.
    fn run(&mut self, input: &[u8], mut at: usize) -> Result<usize, Broken> {
        loop {
            let rest = &input[at..];
            match self.state {
                State::Data => {
                    let take = rest
                        .len()
                        .min(usize::try_from(self.left).unwrap_or(usize::MAX));
                    self.data += take as u64;
                    self.left -= take as u64;
                    at += take;
                    if self.left > 0 {
                        return Ok(at);
                    }
                    self.state = State::DataCr;
                }
                State::DataCr | State::DataLf => {
                    let Some(byte) = rest.first() else {
                        return Ok(at);
                    };
                    let (wanted, next) = if self.state == State::DataCr {
                        (b'\r', State::DataLf)
                    } else {
                        (b'\n', State::Size)
                    };
                    if *byte != wanted {
                        return Err(Broken);
                    }
                    at += 1;
                    self.state = next;
                    self.digits = 0;
                }
                _ => {
                    // A size line that is whole, plain and not the last one joins the run.
                    let Some(line) = whole_plain_size(rest) else {
                        return Ok(at);
                    };
                    let (taken, _) = self.size_line(&rest[..line])?;
                    at += taken;
                }
            }
        }
    }

    /// Takes bytes of a size line. Says whether it held nothing but the size.
    fn size_line(&mut self, input: &[u8]) -> Result<(usize, bool), Broken> {
        let mut plain = true;
        for (at, &byte) in input.iter().enumerate() {
            match (self.state, byte) {
                (State::Size, _) if byte.is_ascii_hexdigit() => {
                    if self.digits == 0 {
                        self.left = 0;
                        plain &= byte != b'0';
                    }
                    // What does not fit a signed number is another number to those who use one.
                    if self.digits == 16 || self.left >> 59 != 0 {
                        return Err(Broken);
                    }
                    plain &= !byte.is_ascii_uppercase();
                    let digit = (byte as char).to_digit(16).unwrap_or_default();
                    self.left = self.left << 4 | u64::from(digit);
                    self.digits += 1;
                }
                (State::Size, b'\r') if self.digits > 0 => self.state = State::SizeLf,
                (State::Size, b';') if self.digits > 0 => {
                    (plain, self.extension) = (false, 0);
                    self.state = State::Extension;
                }
                (State::Size, b' ' | b'\t') if self.digits > 0 => {
                    (plain, self.extension) = (false, 0);
                    self.state = State::AfterSize;
                }
                (State::AfterSize | State::Extension, _) if self.extension == MAX_EXTENSION => {
                    return Err(Broken);
                }
                (State::AfterSize, b' ' | b'\t') => self.extension += 1,
                (State::AfterSize, b';') => self.state = State::Extension,
                (State::Extension, b'\r') => self.state = State::SizeLf,
                (State::Extension, b'\t' | b' '..=b'~' | 0x80..) => self.extension += 1,
                (State::SizeLf, b'\n') => {
                    self.digits = 0;
                    self.state = if self.left == 0 {
                        State::Trailers
                    } else {
                        State::Data
                    };
                    return Ok((at + 1, plain));
                }
                _ => return Err(Broken),
            }
        }
        Ok((input.len(), plain))
    }

    fn trailer_bytes(&mut self, input: &[u8], from: usize) -> Result<(usize, Piece), Broken> {
        for (offset, &byte) in input[from..].iter().enumerate() {
            self.trailers.push(byte);
            if byte != b'\n' {
                continue;
            }
            let all = &self.trailers;
            if !all.ends_with(b"\r\n") || all.len() > MAX_TRAILERS {
                return Err(Broken);
            }
            if all.len() == 2 || all.ends_with(b"\r\n\r\n") {
                self.state = State::Done;
                self.check_trailers()?;
                return Ok((from + offset + 1, Piece::End));
            }
        }
        if self.trailers.len() > MAX_TRAILERS {
            return Err(Broken);
        }
        Ok((input.len(), Piece::More))
    }

    fn check_trailers(&mut self) -> Result<(), Broken> {
        let end = self.trailers.len() - 2;
        let mut at = 0;
        while at < end {
            match field_line(&self.trailers, at) {
                Ok(Some(line)) => at = line.next,
                _ => return Err(Broken),
            }
        }
        self.trailers.truncate(end);
        Ok(())
    }
}

/// Length of the size line that starts `input`, when it is all there and as we write it ourselves,
/// and not the last.
fn whole_plain_size(input: &[u8]) -> Option<usize> {
    let digits = input
        .iter()
        .take(16)
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        .count();
    let plain = input.first().is_some_and(|digit| *digit != b'0') && digits < 16;
    (plain && input[digits..].starts_with(b"\r\n")).then_some(digits + 2)
}

/// Bytes of the extensions of one chunk, which are read and dropped; ours, since nobody else counts
/// them.
const MAX_EXTENSION: u16 = 4096;
/// Bytes of a trailer section; Envoy's default limit on request heads.
const MAX_TRAILERS: usize = 60 * 1024;

#[cfg(test)]
mod tests;
