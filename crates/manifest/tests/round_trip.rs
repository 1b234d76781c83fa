// SPDX-License-Identifier: Apache-2.0
//! Any tree, printed as YAML in any style, reads back as the same tree with the same places.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use sluicegate_manifest::{Entry, Node, SourceText, Span, Value, parse};

/// A tree and how to print it.
#[derive(Debug, Clone)]
enum Sketch {
    Null,
    Bool(bool),
    Integer(i64),
    Text(String, Quotes),
    Sequence(Vec<Sketch>, Style),
    Mapping(Vec<(String, Sketch)>, Style),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Quotes {
    None,
    Single,
    Double,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Block,
    Flow,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let quotes = prop_oneof![
        Just(Quotes::None),
        Just(Quotes::Single),
        Just(Quotes::Double)
    ];
    let leaf = prop_oneof![
        Just(Sketch::Null),
        any::<bool>().prop_map(Sketch::Bool),
        any::<i64>().prop_map(Sketch::Integer),
        ("[ -~éß日🦀]{0,12}", quotes).prop_map(|(text, quotes)| Sketch::Text(text, quotes)),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let style = prop_oneof![Just(Style::Block), Just(Style::Flow)];
        let entries = vec(("[a-zé日]{0,4}", inner.clone()), 0..5);
        prop_oneof![
            (vec(inner, 0..5), style.clone())
                .prop_map(|(items, style)| Sketch::Sequence(items, style)),
            (entries, style).prop_map(|(entries, style)| Sketch::Mapping(entries, style)),
        ]
    })
}

/// Prints sketches and remembers what stands where.
#[derive(Default)]
struct Printer {
    text: String,
}

impl Printer {
    fn place(&self, start: usize) -> Span {
        Span {
            start: start as u32,
            end: self.text.len() as u32,
        }
    }

    fn node(&self, start: usize, value: Value) -> Node {
        let span = self.place(start);
        Node { value, span }
    }

    fn literal(&mut self, literal: &str, value: Value) -> Node {
        let start = self.text.len();
        self.text.push_str(literal);
        self.node(start, value)
    }

    /// Prints a value; the cursor stands where it may begin, on a line indented by `indent`.
    fn print(&mut self, sketch: &Sketch, indent: usize, style: Style) -> Node {
        match sketch {
            Sketch::Null => self.literal("null", Value::Null),
            Sketch::Bool(value) => self.literal(&value.to_string(), Value::Bool(*value)),
            Sketch::Integer(value) => {
                self.literal(&value.to_string(), Value::Number((*value).into()))
            }
            Sketch::Text(text, quotes) => self.string(text, *quotes),
            Sketch::Sequence(items, own) if style == Style::Flow || *own == Style::Flow => {
                self.flow_sequence(items)
            }
            Sketch::Mapping(entries, own) if style == Style::Flow || *own == Style::Flow => {
                self.flow_mapping(entries)
            }
            Sketch::Sequence(items, _) if items.is_empty() => self.flow_sequence(items),
            Sketch::Mapping(entries, _) if entries.is_empty() => self.flow_mapping(entries),
            Sketch::Sequence(items, _) => self.block_sequence(items, indent + 2),
            Sketch::Mapping(entries, _) => self.block_mapping(entries, indent + 2),
        }
    }

    fn string(&mut self, text: &str, quotes: Quotes) -> Node {
        let plain = !text.is_empty() && text.chars().all(|c| c.is_alphabetic() || c == ' ');
        let safe = plain && text.trim() == text && text.len() > 6;
        let literal = match quotes {
            Quotes::None if safe => text.to_owned(),
            Quotes::Single => format!("'{}'", text.replace('\'', "''")),
            Quotes::None | Quotes::Double => {
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
        };
        self.literal(&literal, Value::String(text.to_owned()))
    }

    fn flow_sequence(&mut self, items: &[Sketch]) -> Node {
        let start = self.text.len();
        self.text.push('[');
        let mut nodes = Vec::new();
        for (at, item) in items.iter().enumerate() {
            self.text.push_str(if at > 0 { ", " } else { "" });
            nodes.push(self.print(item, 0, Style::Flow));
        }
        self.text.push(']');
        self.node(start, Value::Sequence(nodes))
    }

    fn flow_mapping(&mut self, entries: &[(String, Sketch)]) -> Node {
        let start = self.text.len();
        self.text.push('{');
        let mut nodes = Vec::new();
        for (at, (key, value)) in entries.iter().enumerate() {
            self.text.push_str(if at > 0 { ", " } else { "" });
            let (key, key_span) = self.key(at, key);
            self.text.push(' ');
            let value = self.print(value, 0, Style::Flow);
            nodes.push(Entry {
                key,
                key_span,
                value,
            });
        }
        self.text.push('}');
        self.node(start, Value::Mapping(nodes))
    }

    fn block_sequence(&mut self, items: &[Sketch], indent: usize) -> Node {
        let mut nodes: Vec<Node> = Vec::new();
        for item in items {
            self.text.push_str(&format!("\n{:indent$}- ", ""));
            nodes.push(self.print(item, indent, Style::Block));
            self.comment(item);
        }
        let start = nodes[0].span.start;
        let end = nodes[nodes.len() - 1].span.end;
        let value = Value::Sequence(nodes);
        let span = Span { start, end };
        Node { value, span }
    }

    fn block_mapping(&mut self, entries: &[(String, Sketch)], indent: usize) -> Node {
        let mut nodes: Vec<Entry> = Vec::new();
        for (at, (key, value)) in entries.iter().enumerate() {
            self.text.push_str(&format!("\n{:indent$}", ""));
            let (key, key_span) = self.key(at, key);
            self.text.push(' ');
            let sketch = value;
            let value = self.print(value, indent, Style::Block);
            self.comment(sketch);
            nodes.push(Entry {
                key,
                key_span,
                value,
            });
        }
        let start = nodes[0].key_span.start;
        let end = nodes[nodes.len() - 1].value.span.end;
        let value = Value::Mapping(nodes);
        let span = Span { start, end };
        Node { value, span }
    }

    /// Something after some of the values that belongs to none.
    fn comment(&mut self, sketch: &Sketch) {
        if let Sketch::Bool(_) | Sketch::Text(..) = sketch {
            self.text.push_str("  # é: \"x");
        }
    }

    /// The position makes keys unique.
    fn key(&mut self, at: usize, key: &str) -> (String, Span) {
        let key = format!("k{key}{at}");
        let start = self.text.len();
        self.text.push_str(&key);
        let span = self.place(start);
        self.text.push(':');
        (key, span)
    }
}

proptest! {
    #[test]
    fn yaml_keeps_values_and_places(sketches in vec(sketch(), 1..4), windows in any::<bool>()) {
        let mut printer = Printer::default();
        let mut expected = Vec::new();
        for sketch in &sketches {
            printer.text.push_str("---\n# é\napiVersion: v1\nkind: T\nspec: ");
            expected.push(printer.print(sketch, 0, Style::Block));
            printer.text.push('\n');
        }
        // Line ends of two bytes move every place by the lines before it; values stay.
        let text = if windows { printer.text.replace('\n', "\r\n") } else { printer.text };
        let parsed = parse(Arc::new(SourceText::new("a", text.clone())));
        assert!(parsed.diagnostics.is_empty(), "{text}\n{:?}", parsed.diagnostics);
        assert_eq!(parsed.documents.len(), expected.len());
        for (document, expected) in parsed.documents.iter().zip(&expected) {
            let spec = document.root.get("spec").unwrap();
            if windows {
                assert_eq!(spec.to_json(), expected.to_json(), "{text}");
            } else {
                assert_eq!(spec, expected, "{text}");
            }
        }
    }

    #[test]
    fn json_keeps_values(sketch in sketch()) {
        let mut printer = Printer::default();
        let json = printer.print(&sketch, 0, Style::Flow).to_json();
        let text = serde_json::json!({"apiVersion": "v1", "kind": "T", "spec": json});
        let text = serde_json::to_string_pretty(&text).unwrap();
        let parsed = parse(Arc::new(SourceText::new("a", text)));
        assert_eq!(parsed.documents[0].root.get("spec").unwrap().to_json(), json);
    }
}
