//! The wire as text, so that a change of it shows in a diff.
//!
//! `schema.txt` lists every type that travels, in the order and with the numbers that
//! postcard gives them, and the bytes of one request and one response. The
//! test below fails if the wire and the file differ. After a wanted change:
//! `BLESS=1 cargo test -p berth-protocol schema`.

use crate::{
    CHUNK_MAX, FRAME_MAX, ImageHash, MESSAGE_MAX, Op, PROTOCOL_VERSION, Parameters, Reply, Request,
    Response, encode_frame,
};
use core::fmt::Write;
use postcard_schema::{
    Schema,
    schema::{DataModelType, DataModelVariant, NamedType, NamedValue},
};
use std::{format, path::Path, string::String, vec::Vec};

/// Collects types, each once, those used before those that use them.
#[derive(Default)]
struct Dump {
    seen: Vec<&'static str>,
    text: String,
}

impl Dump {
    /// Returns how `ty` is called where it is used; its definition is added if it has one.
    fn use_of(&mut self, ty: &'static NamedType) -> String {
        match ty.ty {
            DataModelType::Option(inner) => format!("{}?", self.use_of(inner)),
            DataModelType::Seq(inner) => format!("[{}]", self.use_of(inner)),
            DataModelType::Tuple(items) => match items {
                [] => String::from("()"),
                [first, rest @ ..] if rest.iter().all(|t| t.name == first.name) => {
                    format!("[{}; {}]", self.use_of(first), items.len())
                }
                _ => items
                    .iter()
                    .map(|t| self.use_of(t))
                    .collect::<Vec<_>>()
                    .join(", "),
            },
            DataModelType::NewtypeStruct(inner) => {
                let inner = self.use_of(inner);
                self.define(ty.name, &format!("{} = {inner}\n", ty.name));
                String::from(ty.name)
            }
            DataModelType::Struct(fields) => {
                let fields = self.fields(fields);
                self.define(ty.name, &format!("{} {{ {fields} }}\n", ty.name));
                String::from(ty.name)
            }
            DataModelType::Enum(variants) => {
                let mut text = format!("{} =\n", ty.name);
                for (number, variant) in variants.iter().enumerate() {
                    let body = match variant.ty {
                        DataModelVariant::UnitVariant => String::new(),
                        DataModelVariant::NewtypeVariant(inner) => {
                            format!("({})", self.use_of(inner))
                        }
                        DataModelVariant::TupleVariant(items) => format!(
                            "({})",
                            items
                                .iter()
                                .map(|t| self.use_of(t))
                                .collect::<Vec<_>>()
                                .join(", ")
                        ),
                        DataModelVariant::StructVariant(fields) => {
                            format!(" {{ {} }}", self.fields(fields))
                        }
                    };
                    let _ = writeln!(text, "  {number:2} {}{body}", variant.name);
                }
                self.define(ty.name, &text);
                String::from(ty.name)
            }
            _ => String::from(ty.name),
        }
    }

    fn fields(&mut self, fields: &'static [&'static NamedValue]) -> String {
        fields
            .iter()
            .map(|f| format!("{}: {}", f.name, self.use_of(f.ty)))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn define(&mut self, name: &'static str, text: &str) {
        if !self.seen.contains(&name) {
            self.seen.push(name);
            self.text.push_str(text);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn dump() -> String {
    let mut text = format!(
        "protocol {PROTOCOL_VERSION}, frame <= {FRAME_MAX}, message <= {MESSAGE_MAX}, chunk <= {CHUNK_MAX}\n\n"
    );
    let mut types = Dump::default();
    types.use_of(Request::SCHEMA);
    types.use_of(Response::SCHEMA);
    text.push_str(&types.text);
    let mut buffer = [0; FRAME_MAX];
    let request = Request {
        id: 300,
        op: Op::UploadBegin {
            upload: 0,
            name: "blink",
            length: 364,
            hash: ImageHash([0x11; 32]),
            parameters: Parameters {
                limit: Some(16384),
                share: Some(2),
                ..Parameters::default()
            },
        },
    };
    let _ = write!(
        text,
        "\n{request:?}\n{}\n",
        hex(encode_frame(&request, &mut buffer).unwrap())
    );
    let response = Response {
        id: 300,
        result: Ok(Reply::Upload { offset: 0 }),
    };
    let _ = write!(
        text,
        "\n{response:?}\n{}\n",
        hex(encode_frame(&response, &mut buffer).unwrap())
    );
    text
}

#[test]
fn schema_is_the_one_checked_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.txt");
    let now = dump();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        known == now,
        "the wire changed: raise PROTOCOL_VERSION unless variants were only appended, then \
         BLESS=1 cargo test -p berth-protocol schema\n--- now:\n{now}"
    );
}
