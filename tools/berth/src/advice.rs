//! What an author can do about a fault.

/// Says it of a fault, if its word does not.
pub(crate) fn advice(fault: &str) -> Option<&'static str> {
    Some(match fault {
        "memory-bounds" => {
            "perhaps its stack is too small, which lies below all else: link with a larger one (-zstack-size=4096; clang: -z \
             stack-size=4096); otherwise a wrong pointer or index"
        }
        "stack-overflow" => {
            "calls are nested too deep for the interpreter's stack, without an end or without the room: more with --stack 8192"
        }
        _ => return None,
    })
}
