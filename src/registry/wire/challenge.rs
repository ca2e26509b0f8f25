//! `WWW-Authenticate`: which proof a server wants (RFC 9110, section 11).

use std::fmt;

/// One challenge: a scheme in lower case and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) scheme: String,
    parameters: Vec<(String, String)>,
}

/// The schemes that registries use, in lower case.
const KNOWN_SCHEMES: [&str; 2] = ["basic", "bearer"];
/// More parameters than any server sends.
const MAX_PARAMETERS: usize = 32;

impl Challenge {
    /// All challenges of one header: several may stand in it, and commas inside quotes divide nothing.
    pub(super) fn parse(header: &str) -> Vec<Self> {
        let mut challenges: Vec<Self> = Vec::new();
        let mut rest = header;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let end = rest.find(|c| !is_token_char(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let after = after.trim_start_matches([' ', '\t']);
            match (after.strip_prefix('='), challenges.last_mut()) {
                (Some(value), Some(challenge)) if !word.is_empty() => {
                    let (value, after) = parse_value(value.trim_start_matches([' ', '\t']));
                    if challenge.parameters.len() < MAX_PARAMETERS {
                        challenge.parameters.push((word.to_ascii_lowercase(), value));
                    }
                    rest = after;
                }
                (None, _) if !word.is_empty() => {
                    challenges.push(Self {
                        scheme: word.to_ascii_lowercase(),
                        parameters: Vec::new(),
                    });
                    rest = after;
                }
                // Nothing that the grammar knows: one character on, so that nonsense ends too.
                _ => match rest.chars().next() {
                    Some(c) => rest = &rest[c.len_utf8()..],
                    None => return challenges,
                },
            }
        }
    }

    /// The first parameter of this name that is not empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|(n, value)| n == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Whether it is of a scheme that is spoken here.
    pub(super) fn is_known(&self) -> bool {
        KNOWN_SCHEMES.contains(&self.scheme.as_str())
    }

    /// The scopes a bearer challenge asks for.
    pub(super) fn scopes(&self) -> Vec<Scope> {
        self.parameter("scope").map(Scope::parse_list).unwrap_or_default()
    }
}

/// A token or a quoted string, and what follows it. Quotes of the other sort are no part of a URL or a scope.
fn parse_value(text: &str) -> (String, &str) {
    if let Some((value, rest)) = text.strip_prefix('\'').and_then(|text| text.split_once('\'')) {
        return (value.to_owned(), rest);
    }
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// What a token is good for: `type:name:action,action`
/// (<https://distribution.github.io/distribution/spec/auth/scope/>).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::registry) struct Scope {
    /// `repository:library/nginx`; the name may hold a port, so only the last colon ends it.
    resource: String,
    actions: Vec<String>,
}

impl Scope {
    pub(in crate::registry) fn pull(repository: &str) -> Self {
        Self::of(format!("repository:{repository}"), &["pull"])
    }

    pub(in crate::registry) fn push(repository: &str) -> Self {
        Self::of(format!("repository:{repository}"), &["pull", "push"])
    }

    pub(in crate::registry) fn catalog() -> Self {
        Self::of("registry:catalog".to_owned(), &["*"])
    }

    fn of(resource: String, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|&a| a.to_owned()).collect();
        Self { resource, actions }
    }

    /// Scopes divided by blanks; those that are none are dropped.
    fn parse_list(text: &str) -> Vec<Self> {
        let scopes = text.split_whitespace().filter_map(|scope| {
            let (resource, actions) = scope.rsplit_once(':')?;
            let actions: Vec<&str> = actions.split(',').filter(|a| !a.is_empty()).collect();
            (resource.contains(':') && !actions.is_empty()).then(|| Self::of(resource.to_owned(), &actions))
        });
        Self::merge(scopes)
    }

    /// Each resource once, in the order of the first mention, with every action asked for: some servers look at the
    /// first scope only, and GitLab at the last.
    pub(super) fn merge(scopes: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut merged: Vec<Self> = Vec::new();
        for scope in scopes {
            match merged.iter_mut().find(|known| known.resource == scope.resource) {
                Some(known) => known.actions.extend(scope.actions),
                None => merged.push(scope),
            }
        }
        for scope in &mut merged {
            scope.actions.sort();
            scope.actions.dedup();
        }
        merged
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource, self.actions.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scopes: &[Scope]) -> Vec<String> {
        scopes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn commas_and_quotes_inside_quotes_are_kept() {
        let header = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push",error="insufficient_scope",x="a\"b\\c""#;
        let [bearer] = Challenge::parse(header).try_into().unwrap();
        assert_eq!(bearer.scheme, "bearer");
        assert_eq!(bearer.parameter("realm"), Some("https://auth.docker.io/token"));
        assert_eq!(bearer.parameter("error"), Some("insufficient_scope"));
        assert_eq!(bearer.parameter("x"), Some(r#"a"b\c"#));
        assert_eq!(texts(&bearer.scopes()), ["repository:a/b:pull,push"]);
    }

    #[test]
    fn several_challenges_may_stand_in_one_header() {
        let header = r#"Negotiate, Negotiate YII=, BASIC realm="Sonatype Nexus, 3" , Bearer realm = "r" ,service=s"#;
        let challenges = Challenge::parse(header);
        let schemes: Vec<&str> = challenges.iter().map(|c| c.scheme.as_str()).collect();
        assert_eq!(schemes[..2], ["negotiate", "negotiate"]);
        assert!(schemes.ends_with(&["basic", "bearer"]), "{schemes:?}");
        let bearer = challenges.last().unwrap();
        assert_eq!(
            (bearer.parameter("realm"), bearer.parameter("service")),
            (Some("r"), Some("s"))
        );
    }

    #[test]
    fn quotes_of_the_other_sort_are_quotes() {
        let [bearer] = Challenge::parse("Bearer realm='https://h/a,b', service='s'")
            .try_into()
            .unwrap();
        let found = (bearer.parameter("realm"), bearer.parameter("service"));
        assert_eq!(found, (Some("https://h/a,b"), Some("s")));
        assert!(bearer.is_known() && !Challenge::parse("Negotiate")[0].is_known());
    }

    #[test]
    fn nonsense_yields_nothing_harmful() {
        for hostile in [
            "",
            ",,,",
            "=",
            "==,=",
            "\"",
            "Bearer realm=\"",
            "Bearer realm=\"\\",
            "é ü",
            "a b c",
            "Bearer =",
        ] {
            let challenges = Challenge::parse(hostile);
            assert!(challenges.iter().all(|c| c.parameter("realm").is_none()), "{hostile}");
        }
        let many = format!("Bearer {}", "a=b,".repeat(10_000));
        assert_eq!(Challenge::parse(&many)[0].parameters.len(), MAX_PARAMETERS);
    }

    #[test]
    fn a_name_with_a_port_stays_whole() {
        let scopes = Scope::parse_list(
            "repository:h:5000/a/b:pull registry:catalog:* nonsense a:b x:y: repository:h:5000/a/b:push",
        );
        assert_eq!(
            texts(&scopes),
            ["repository:h:5000/a/b:pull,push", "registry:catalog:*"]
        );
    }

    #[test]
    fn the_challenge_s_scope_stands_first() {
        let merged = Scope::merge([Scope::pull("b"), Scope::push("a"), Scope::push("b")]);
        assert_eq!(texts(&merged), ["repository:b:pull,push", "repository:a:pull,push"]);
        assert_eq!(Scope::catalog().to_string(), "registry:catalog:*");
    }
}
