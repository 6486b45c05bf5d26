//! Segments that are copied at the start: do they have their place?
//!
//! A module whose segment does not is valid, and ends with a fault before its first instruction, on every device.

use wasmparser::{ConstExpr, DataKind, ElementItems, ElementKind, Operator, Parser, Payload};

/// A segment outside what it is copied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outside {
    /// Is it one of elements, for a table? Otherwise of data.
    pub(crate) is_element: bool,
    /// Which one.
    pub(crate) index: usize,
    /// First place behind it.
    pub(crate) end: u64,
    /// First place behind what it is copied to.
    pub(crate) room: u64,
}

/// The segments of a valid module that have no place. One whose offset is not known before the start is left out.
pub(crate) fn outside(module: &[u8], memory_bytes: u64) -> Vec<Outside> {
    let mut found = Vec::new();
    // A valid module has no errors any more.
    let _ = look(module, memory_bytes, &mut found);
    found
}

fn look(module: &[u8], memory_bytes: u64, found: &mut Vec<Outside>) -> wasmparser::Result<()> {
    let mut tables: Vec<u64> = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::TableSection(section) => {
                for table in section {
                    tables.push(table?.ty.initial);
                }
            }
            Payload::ElementSection(section) => {
                for (index, element) in section.into_iter().enumerate() {
                    let element = element?;
                    let count = match &element.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    if let ElementKind::Active {
                        table_index,
                        offset_expr,
                    } = &element.kind
                        && let Some(offset) = value(offset_expr)
                    {
                        let table = table_index.unwrap_or(0) as usize;
                        let room = tables.get(table).copied().unwrap_or(0);
                        let end = u64::from(offset) + u64::from(count);
                        if end > room {
                            found.push(Outside {
                                is_element: true,
                                index,
                                end,
                                room,
                            });
                        }
                    }
                }
            }
            Payload::DataSection(section) => {
                for (index, data) in section.into_iter().enumerate() {
                    let data = data?;
                    if let DataKind::Active { offset_expr, .. } = &data.kind
                        && let Some(offset) = value(offset_expr)
                    {
                        let end = u64::from(offset) + data.data.len() as u64;
                        if end > memory_bytes {
                            found.push(Outside {
                                is_element: false,
                                index,
                                end,
                                room: memory_bytes,
                            });
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The value of a constant expression of 32 bits. No global is imported, so none can be in it.
fn value(expression: &ConstExpr<'_>) -> Option<u32> {
    let mut stack = Vec::new();
    for operator in expression.get_operators_reader() {
        let mut both = |combine: fn(u32, u32) -> u32| {
            let (right, left) = (stack.pop()?, stack.pop()?);
            stack.push(combine(left, right));
            Some(())
        };
        match operator.ok()? {
            Operator::I32Const { value } => stack.push(value as u32),
            Operator::I32Add => both(u32::wrapping_add)?,
            Operator::I32Sub => both(u32::wrapping_sub)?,
            Operator::I32Mul => both(u32::wrapping_mul)?,
            Operator::End => {}
            _ => return None,
        }
    }
    stack.pop().filter(|_| stack.is_empty())
}
