// SPDX-License-Identifier: Apache-2.0
//! HTML as it grows.
//!
//! In: markup of ours, and text of others, which is always escaped. Out: a document.

/// A document.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of ours.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, for a place between tags or in a quoted attribute.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // What changes the direction of what follows could make a name look like another.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
                c if c.is_control() && c != '\n' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        self
    }

    /// An element that holds text; `attributes` is markup of ours.
    pub(super) fn element(&mut self, name: &str, attributes: &str, text: &str) -> &mut Self {
        let blank = if attributes.is_empty() { "" } else { " " };
        self.raw(&format!("<{name}{blank}{attributes}>"));
        self.text(text).raw(&format!("</{name}>"))
    }

    /// A name, which may be broken after its joints and between the words of camelCase.
    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        let mut before = ' ';
        for c in name.chars() {
            let is_hump = before.is_ascii_lowercase() && c.is_ascii_uppercase();
            if is_hump || matches!(before, '.' | '_' | '/' | '-') {
                self.raw("<wbr>");
            }
            self.text(c.encode_utf8(&mut [0; 4]));
            before = c;
        }
        self
    }

    /// A cell of a table that holds a name.
    pub(super) fn name_cell(&mut self, name: &str) -> &mut Self {
        self.raw("<td>").name(name).raw("</td>")
    }

    /// A cell of a table that holds a place in a file.
    pub(super) fn place_cell(&mut self, place: &str) -> &mut Self {
        self.raw("<td><code>").name(place).raw("</code></td>")
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}
