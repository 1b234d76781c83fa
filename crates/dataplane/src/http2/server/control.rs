// SPDX-License-Identifier: Apache-2.0
//! Frames of the connection, and of windows.
//!
//! In: SETTINGS, PING, GOAWAY, PRIORITY, WINDOW_UPDATE. Out: their effects, and answers.

use super::{
    connection::{ALIVE, Codec, Drain, Error, FAREWELL, Ping},
    frame::{self, Header, LAST_STREAM, MAX_FRAME, Reason},
};

impl Codec {
    pub(super) fn on_settings(&mut self, header: Header, payload: &[u8]) -> Result<(), Error> {
        if header.stream != 0 {
            return Err(Error::Connection(Reason::PROTOCOL_ERROR));
        }
        let acknowledges = header.has(frame::ACK);
        if !payload.len().is_multiple_of(6) || (acknowledges && !payload.is_empty()) {
            return Err(Error::Connection(Reason::FRAME_SIZE_ERROR));
        }
        if acknowledges {
            self.settings_known();
            return Ok(());
        }
        let window = self.peer_window;
        for (id, value) in frame::settings(payload) {
            self.on_setting(id, value).map_err(Error::Connection)?;
        }
        self.change_windows(window).map_err(Error::Connection)?;
        frame::push(frame::SETTINGS, frame::ACK, 0, b"", self.out());
        self.wake();
        Ok(())
    }

    /// The client knows our settings: a smaller window counts from now on.
    fn settings_known(&mut self) {
        let wanted = self.options.stream_window;
        let change = i64::from(wanted) - i64::from(self.stream_window);
        self.stream_window = wanted;
        if change != 0 {
            self.streams.each(|stream| stream.inbound.change(change));
        }
    }

    fn on_setting(&mut self, id: u16, value: u32) -> Result<(), Reason> {
        match id {
            HEADER_TABLE_SIZE => self.encoder.set_limit(value as usize),
            ENABLE_PUSH if value > 1 => return Err(Reason::PROTOCOL_ERROR),
            INITIAL_WINDOW_SIZE if value > LAST_STREAM => return Err(Reason::FLOW_CONTROL_ERROR),
            INITIAL_WINDOW_SIZE => self.peer_window = value,
            MAX_FRAME_SIZE => {
                let value = value as usize;
                if !(MAX_FRAME..1 << 24).contains(&value) {
                    return Err(Reason::PROTOCOL_ERROR);
                }
                self.peer_frame = value;
            }
            _ => {}
        }
        Ok(())
    }

    /// Of streams that are there, once for all the settings of a frame.
    fn change_windows(&mut self, before: u32) -> Result<(), Reason> {
        let change = i64::from(self.peer_window) - i64::from(before);
        if change == 0 {
            return Ok(());
        }
        let mut fits = true;
        self.streams.each(|stream| {
            fits &= stream.outbound.change(change);
            stream.unblock();
        });
        fits.then_some(()).ok_or(Reason::FLOW_CONTROL_ERROR)
    }

    pub(super) fn on_ping(&mut self, header: Header, payload: &[u8]) -> Result<(), Error> {
        if header.stream != 0 {
            return Err(Error::Connection(Reason::PROTOCOL_ERROR));
        }
        let data: &[u8; 8] = payload
            .try_into()
            .map_err(|_| Error::Connection(Reason::FRAME_SIZE_ERROR))?;
        if !header.has(frame::ACK) {
            frame::push(frame::PING, frame::ACK, 0, data, self.out());
            self.wake();
        } else if *data == ALIVE && self.ping == Ping::Sent {
            self.ping = Ping::Answered;
        } else if *data == FAREWELL && self.drain == Drain::Told {
            // What the client opened before it knew has come.
            self.drain = Drain::Ending;
            self.goaway(self.last, Reason::NO_ERROR);
            self.wake();
        }
        Ok(())
    }

    pub(super) fn on_goaway(&mut self, header: Header, payload: &[u8]) -> Result<(), Error> {
        if header.stream != 0 {
            return Err(Error::Connection(Reason::PROTOCOL_ERROR));
        }
        if payload.len() < 8 {
            return Err(Error::Connection(Reason::FRAME_SIZE_ERROR));
        }
        self.leaving = true;
        Ok(())
    }

    pub(super) fn on_priority(&mut self, header: Header, payload: &[u8]) -> Result<(), Error> {
        let id = header.stream;
        if id == 0 {
            return Err(Error::Connection(Reason::PROTOCOL_ERROR));
        }
        self.floods.priority()?;
        if payload.len() != 5 {
            return Err(Error::Stream(id, Reason::FRAME_SIZE_ERROR));
        }
        if frame::dependency(payload) == Some(id) {
            return Err(Error::Stream(id, Reason::PROTOCOL_ERROR));
        }
        Ok(())
    }

    pub(super) fn on_window_update(&mut self, header: Header, payload: &[u8]) -> Result<(), Error> {
        if payload.len() != 4 {
            return Err(Error::Connection(Reason::FRAME_SIZE_ERROR));
        }
        self.floods.update()?;
        let by = frame::number(payload).unwrap_or(0) & LAST_STREAM;
        let id = header.stream;
        if id == 0 {
            return self.on_connection_update(by).map_err(Error::Connection);
        }
        self.known(id)?;
        let Some(place) = self.streams.find(id) else {
            return Ok(());
        };
        let stream = self.streams.at(place);
        if by == 0 {
            return Err(Error::Stream(id, Reason::PROTOCOL_ERROR));
        }
        if stream.reset.is_none() && !stream.outbound.change(by.into()) {
            return Err(Error::Stream(id, Reason::FLOW_CONTROL_ERROR));
        }
        stream.unblock();
        Ok(())
    }

    fn on_connection_update(&mut self, by: u32) -> Result<(), Reason> {
        if by == 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if !self.outbound.change(by.into()) {
            return Err(Reason::FLOW_CONTROL_ERROR);
        }
        self.wake_waiting();
        Ok(())
    }
}

const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
