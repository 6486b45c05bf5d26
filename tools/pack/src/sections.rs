//! What every pass over a module asks of its sections and instructions.

use wasmparser::{BinaryReaderError, Operator, TypeSectionReader};

/// Returns how many parameters and results each function type of a module has.
///
/// # Errors
///
/// The section is malformed, or has types that are none of a function.
pub(crate) fn arities(
    section: TypeSectionReader<'_>,
) -> Result<Vec<(usize, usize)>, BinaryReaderError> {
    section
        .into_iter_err_on_gc_types()
        .map(|function| {
            function.map(|function| (function.params().len(), function.results().len()))
        })
        .collect()
}

/// Returns whether the instruction compares two integers, and gives 0 or 1.
pub(crate) const fn is_comparison(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::I32Eq
            | O::I32Ne
            | O::I32LtS
            | O::I32LtU
            | O::I32GtS
            | O::I32GtU
            | O::I32LeS
            | O::I32LeU
            | O::I32GeS
            | O::I32GeU
            | O::I64Eq
            | O::I64Ne
            | O::I64LtS
            | O::I64LtU
            | O::I64GtS
            | O::I64GtU
            | O::I64LeS
            | O::I64LeU
            | O::I64GeS
            | O::I64GeU
    )
}
