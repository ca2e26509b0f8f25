//! The expressions of a template: where they stand, and what they come to.

use gotmpl::Value;
use gotmpl::parse::{CommandNode, Expr, ListNode, Node, Number, PipeNode, SmolStr};

use super::data::Data;

/// Whether the template takes the dot as a whole.
pub(super) fn uses_whole_dot(tree: Option<&ListNode>) -> bool {
    spots(tree).iter().any(Spot::is_whole_dot)
}

/// An expression of the template, and what is around it.
pub(super) struct Spot<'a> {
    pub(super) expr: &'a Expr,
    /// Whether `.` is here what the template was given.
    pub(super) dot_is_root: bool,
    /// The command it begins.
    pub(super) command: Option<&'a CommandNode>,
    pub(super) pipe: &'a PipeNode,
    /// Whether it is given the value of the command before.
    pub(super) is_piped: bool,
    /// Whether it is what `range` goes over.
    pub(super) is_ranged: bool,
}

impl<'a> Spot<'a> {
    pub(super) fn chain(&self) -> Option<&'a [SmolStr]> {
        match self.expr {
            Expr::Field(_, chain) | Expr::Variable(_, _, chain) | Expr::Chain(_, _, chain) => Some(chain),
            _ => None,
        }
    }

    pub(super) fn is_from_root(&self) -> bool {
        match self.expr {
            Expr::Field(..) | Expr::Dot(_) => self.dot_is_root,
            Expr::Variable(_, name, _) => name == "$",
            _ => false,
        }
    }

    /// Whether it is what the template was given, as a whole.
    pub(super) fn is_whole_dot(&self) -> bool {
        match self.expr {
            Expr::Dot(_) => self.dot_is_root,
            Expr::Variable(_, name, fields) => name == "$" && fields.is_empty(),
            _ => false,
        }
    }

    pub(super) fn value(&self, data: &'a Data) -> Option<&'a Value> {
        let chain = self.chain().unwrap_or_default();
        follow(data.value(), chain).ok().filter(|_| self.is_from_root())
    }

    /// The function it calls.
    pub(super) fn called(&self) -> Option<&'a str> {
        match self.expr {
            Expr::Identifier(_, name) => Some(name),
            _ => None,
        }
    }

    /// Its offset as Go counts it, and its text. Of `.A.B` Go knows where `.B` begins.
    pub(super) fn place(&self) -> (usize, String) {
        let offset = self.expr.pos().offset;
        let inside = match self.expr {
            Expr::Field(_, chain) if chain.len() > 1 => 1 + chain[0].len(),
            Expr::Variable(_, name, chain) if !chain.is_empty() => name.len(),
            _ => 0,
        };
        (offset + inside, written(self.expr))
    }
}

/// All expressions in the order in which they stand.
pub(super) fn spots(tree: Option<&ListNode>) -> Vec<Spot<'_>> {
    let mut spots = Vec::new();
    if let Some(tree) = tree {
        walk(tree, true, &mut spots);
    }
    spots
}

fn walk<'a>(list: &'a ListNode, dot_is_root: bool, spots: &mut Vec<Spot<'a>>) {
    for node in &list.nodes {
        match node {
            Node::Action(action) => walk_pipe(&action.pipe, dot_is_root, spots),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                let begin = spots.len();
                walk_pipe(&branch.pipe, dot_is_root, spots);
                if let (Node::Range(_), Some(first)) = (node, spots.get_mut(begin)) {
                    first.is_ranged = true;
                }
                walk(&branch.body, dot_is_root && matches!(node, Node::If(_)), spots);
                if let Some(other) = &branch.else_body {
                    walk(other, dot_is_root, spots);
                }
            }
            Node::Template(template) => {
                if let Some(pipe) = &template.pipe {
                    walk_pipe(pipe, dot_is_root, spots);
                }
            }
            Node::Define(define) => walk(&define.body, false, spots),
            Node::List(list) => walk(list, dot_is_root, spots),
            Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
        }
    }
}

fn walk_pipe<'a>(pipe: &'a PipeNode, dot_is_root: bool, spots: &mut Vec<Spot<'a>>) {
    for (stage, command) in pipe.commands.iter().enumerate() {
        for (place, expr) in command.args.iter().enumerate() {
            walk_expr(
                Spot {
                    expr,
                    dot_is_root,
                    command: (place == 0).then_some(command),
                    pipe,
                    is_piped: stage > 0 && place == 0,
                    is_ranged: false,
                },
                spots,
            );
        }
    }
}

fn walk_expr<'a>(spot: Spot<'a>, spots: &mut Vec<Spot<'a>>) {
    let inner = match spot.expr {
        Expr::Chain(_, inner, _) => Some(Spot { expr: inner, ..spot }),
        _ => None,
    };
    let (expr, dot_is_root) = (spot.expr, spot.dot_is_root);
    spots.push(spot);
    match (expr, inner) {
        (Expr::Pipe(_, pipe), _) => walk_pipe(pipe, dot_is_root, spots),
        (_, Some(inner)) => walk_expr(inner, spots),
        _ => {}
    }
}

/// The expression as Go prints it.
pub(super) fn written(expr: &Expr) -> String {
    let dotted = |chain: &[SmolStr]| chain.iter().fold(String::new(), |text, field| text + "." + field);
    match expr {
        Expr::Dot(_) => ".".to_owned(),
        Expr::Field(_, chain) => dotted(chain),
        Expr::Variable(_, name, chain) => format!("{name}{}", dotted(chain)),
        Expr::Identifier(_, name) => name.to_string(),
        Expr::String(_, text) => format!("{text:?}"),
        Expr::Number(_, Number::Int(number)) => number.to_string(),
        Expr::Number(_, Number::Uint(number)) => number.to_string(),
        Expr::Number(_, Number::Float(number)) => number.to_string(),
        Expr::Bool(_, bool) => bool.to_string(),
        Expr::Nil(_) => "nil".to_owned(),
        Expr::Pipe(_, pipe) => format!("({})", written_pipe(pipe)),
        Expr::Chain(_, inner, chain) => format!("{}{}", written(inner), dotted(chain)),
    }
}

pub(super) fn written_command(command: &CommandNode) -> String {
    command.args.iter().map(written).collect::<Vec<_>>().join(" ")
}

fn written_pipe(pipe: &PipeNode) -> String {
    pipe.commands
        .iter()
        .map(written_command)
        .collect::<Vec<_>>()
        .join(" | ")
}

/// Follows the fields; if it cannot go on, where it stood and what it wanted.
pub(super) fn follow<'a>(value: &'a Value, chain: &'a [SmolStr]) -> Result<&'a Value, (&'a Value, &'a SmolStr)> {
    chain.iter().try_fold(value, |value, field| match value {
        Value::Nil => Ok(value),
        value => value.field(field).ok_or((value, field)),
    })
}
