//! The challenge of a registry that wants tokens.

use serde_json::json;

use super::fault::Reply;
use super::recorder::Recorded;
use super::token::{self, Tokens};

/// The place that a registry sends those to who need a token.
pub(crate) struct TokenServer<'a> {
    pub(crate) realm: &'a str,
    pub(crate) service: &'a str,
}

/// The 401 for a request whose token is missing, bad or too weak; nothing for one that may pass.
pub(crate) fn refusal(tokens: &Tokens, request: &Recorded, server: &TokenServer<'_>) -> Option<Reply> {
    let needed = needed(request);
    let scope = (!needed.is_empty()).then(|| format!(",scope=\"{}\"", scope_text(&needed)));
    let bearer = request.header("authorization");
    let token = bearer.and_then(|header| header.strip_prefix("Bearer "));
    let error = match token.map(|token| tokens.rights(token)) {
        None => "",
        Some(None) => ",error=\"invalid_token\"",
        Some(Some(rights)) => {
            let covers = needed.iter().all(|(name, actions)| {
                let mut actions = actions.split(',');
                actions.all(|action| rights.contains(&(name.clone(), action.to_owned())))
            });
            if covers {
                return None;
            }
            ",error=\"insufficient_scope\""
        }
    };
    let challenge = format!(
        "Bearer realm=\"{}\",service=\"{}\"{}{error}",
        server.realm,
        server.service,
        scope.unwrap_or_default()
    );
    let missing = needed.iter().flat_map(|(name, actions)| {
        let one = move |action| json!({"Type": "repository", "Class": "", "Name": name, "Action": action});
        actions.split(',').map(one)
    });
    let body = json!({"errors": [{
        "code": "UNAUTHORIZED",
        "message": "authentication required",
        "detail": missing.collect::<Vec<_>>(),
    }]});
    Some(
        Reply::json(401, &body)
            .header("WWW-Authenticate", &challenge)
            .header("Docker-Distribution-API-Version", "registry/2.0"),
    )
}

/// The repositories a request touches with the actions it needs there; none for the ping.
fn needed(request: &Recorded) -> Vec<(String, &'static str)> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let path = path.strip_prefix("/v2/").unwrap_or_default();
    let actions = match request.method.as_str() {
        "GET" | "HEAD" => "pull",
        "DELETE" if !path.contains("/blobs/uploads/") => "delete",
        _ => "pull,push",
    };
    let cuts = ["/manifests/", "/blobs/", "/tags/", "/referrers/"];
    let name = cuts.iter().find_map(|cut| path.split_once(cut));
    let mut needed = match name {
        Some((name, _)) => vec![(name.to_owned(), actions)],
        None if path.is_empty() => Vec::new(),
        // Nobody may list the catalog.
        None => vec![(path.to_owned(), "*")],
    };
    for (key, value) in token::pairs(query) {
        if key == "from" {
            needed.push((value, "pull"));
        }
    }
    needed
}

fn scope_text(needed: &[(String, &'static str)]) -> String {
    let scopes: Vec<String> = needed
        .iter()
        .map(|(name, actions)| match name.as_str() {
            "_catalog" => "registry:catalog:*".to_owned(),
            name => format!("repository:{name}:{actions}"),
        })
        .collect();
    scopes.join(" ")
}
