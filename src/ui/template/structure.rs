//! Go's rules for the structure of a template that the library lets pass: each block has its end, and each keyword
//! what it needs (text/template/parse, parse.go).

/// Finds the first break of the rules: its line, and Go's words. What is wrong inside an action is left to the parser.
pub(super) fn check(text: &str) -> Result<(), (usize, String)> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find("{{") {
        let line = 1 + text[..text.len() - rest.len() + begin].matches('\n').count();
        let body = &rest[begin + 2..];
        let Some(end) = end_of_action(body) else {
            return Ok(());
        };
        let action = body[..end].trim_start_matches('-').trim_end_matches('-').trim();
        action_fits(action, &mut open).map_err(|words| (line, words))?;
        rest = &body[end + 2..];
    }
    let lines = 1 + text.matches('\n').count();
    if open.is_empty() {
        Ok(())
    } else {
        Err((lines, "unexpected EOF".to_owned()))
    }
}

fn action_fits<'a>(action: &'a str, open: &mut Vec<&'a str>) -> Result<(), String> {
    let word_end = action.find(|c: char| !c.is_alphanumeric()).unwrap_or(action.len());
    let (keyword, value) = action.split_at(word_end);
    let value = value.trim();
    match keyword {
        "if" | "with" | "range" if value.is_empty() => return Err(format!("missing value for {keyword}")),
        "define" | "block" | "template" if !value.starts_with(['"', '`']) => {
            let found = value.split_whitespace().next().unwrap_or_default();
            return Err(format!("unexpected {found:?} in {keyword} clause"));
        }
        "if" | "with" | "range" | "define" | "block" => open.push(keyword),
        "end" if open.pop().is_none() => return Err("unexpected {{end}}".to_owned()),
        "else" => match open.last_mut() {
            Some(last @ &mut ("if" | "with" | "range")) => {
                // `else if` goes on; a plain `else` may stand once.
                if value.is_empty() {
                    *last = "else";
                }
            }
            Some(&mut "else") => return Err("expected end; found {{else}}".to_owned()),
            _ => return Err("unexpected {{else}}".to_owned()),
        },
        "break" | "continue" if !open.contains(&"range") => {
            return Err(format!("{{{{{keyword}}}}} outside {{{{range}}}}"));
        }
        "" if value.starts_with('|') => return Err("unexpected \"|\" in command".to_owned()),
        _ => {}
    }
    Ok(())
}

/// The offset at which `}}` ends the action: not in a string, a character or a comment. `None` where it has no end.
fn end_of_action(body: &str) -> Option<usize> {
    if let Some(comment) = body.trim_start_matches(['-', ' ']).strip_prefix("/*") {
        let begin = body.len() - comment.len();
        let end = begin + comment.find("*/")?;
        return body[end..].find("}}").map(|close| end + close);
    }
    let mut quote = None;
    let mut is_escaped = false;
    for (place, c) in body.char_indices() {
        match quote {
            Some('`') if c == '`' => quote = None,
            Some('`') => {}
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if c == '\\' => is_escaped = true,
            Some(mark) if c == mark => quote = None,
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if body[place..].starts_with("}}") => return Some(place),
            _ => {}
        }
    }
    None
}
