//! How deep the elements of an XML text are in each other, known before a parser that calls itself reads it.

/// The depth of the deepest element: 1 for a text with one.
pub(crate) fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once('<') {
        let end = match tag {
            _ if tag.starts_with("!--") => "-->",
            _ if tag.starts_with("![CDATA[") => "]]>",
            _ => ">",
        };
        let Some((tag, behind)) = tag.split_once(end) else {
            break;
        };
        rest = behind;
        match tag.as_bytes().first() {
            Some(b'!' | b'?') => {}
            Some(b'/') => depth = depth.saturating_sub(1),
            _ => {
                deepest = deepest.max(depth + 1);
                depth += usize::from(!tag.ends_with('/'));
            }
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::nesting;

    #[test]
    fn only_elements_are_counted() {
        for (text, depth) in [
            ("", 0),
            ("<a/>", 1),
            ("<?xml?><!DOCTYPE a><a><b/><b></b><b>x<c d='e'/></b></a>", 3),
            ("<a><!-- <b><c> --><b><![CDATA[<c><d>]]></b></a>", 2),
            ("</a></a><a>", 1),
            ("<a><b", 1),
        ] {
            assert_eq!(nesting(text), depth, "{text}");
        }
    }
}
