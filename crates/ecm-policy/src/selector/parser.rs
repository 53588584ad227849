//! The parser of label selectors: a lexer, and one function for each rule of the grammar.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Operator, Requirement, Selector, is_label_value, is_qualified_name};

/// Reads a selector; see [`Selector::parse`].
pub(super) fn parse(text: &str) -> Result<Selector, SelectorError> {
    let mut parser = Parser {
        tokens: lex(text),
        next: 0,
    };
    let mut requirements = Vec::new();
    if parser.peek().kind == Kind::End {
        return Ok(Selector { requirements });
    }
    loop {
        requirements.push(parser.requirement()?);
        let token = parser.take();
        match token.kind {
            Kind::End => return Ok(Selector { requirements }),
            Kind::Symbol(",") => {}
            _ => return Err(token.unexpected("',' or the end")),
        }
    }
}

/// Why a text is not a label selector, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("at character {position}: found {found}, expected {expected}")]
pub struct SelectorError {
    /// The character at which what was found begins, counted from 1.
    pub position: usize,
    /// What was found.
    pub found: String,
    /// What may stand there.
    pub expected: String,
}

/// A piece of a selector and the character at which it begins, counted from 1.
#[derive(Debug, Clone)]
struct Token {
    position: usize,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Symbol(&'static str),
    /// Everything between blanks and symbols, `in` and `notin` too.
    Word(String),
    End,
}

impl Token {
    fn unexpected(&self, expected: &str) -> SelectorError {
        SelectorError {
            position: self.position,
            found: match &self.kind {
                Kind::Symbol(symbol) => format!("'{symbol}'"),
                Kind::Word(word) => format!("{word:?}"),
                Kind::End => "the end".to_owned(),
            },
            expected: expected.to_owned(),
        }
    }
}

const KEY: &str = "a label key: at most 63 letters, digits, '-', '_' and '.' with a letter or \
                   digit first and last, after an optional DNS name and '/'";
const VALUE: &str = "a label value: at most 63 letters, digits, '-', '_' and '.' with a letter or \
                     digit first and last";
const OPERATOR: &str = "one of '=', '==', '!=', '>', '<', 'in', 'notin', ',' or the end";

/// Longer symbols first: the longest one that fits is meant.
const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", ">", "<", "(", ")", ","];

/// The pieces of a text, the last of which is its end.
fn lex(text: &str) -> Vec<Token> {
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let is_symbol = |c: char| "=!><(),".contains(c);
    let mut tokens = Vec::new();
    let mut position = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
        let piece = if let Some(symbol) = symbol {
            tokens.push(Token {
                position,
                kind: Kind::Symbol(symbol),
            });
            symbol
        } else if is_blank(first) {
            rest.split(|c| !is_blank(c)).next().unwrap_or(rest)
        } else {
            let word = rest
                .split(|c| is_blank(c) || is_symbol(c))
                .next()
                .unwrap_or(rest);
            tokens.push(Token {
                position,
                kind: Kind::Word(word.to_owned()),
            });
            word
        };
        position += piece.chars().count();
        rest = rest.strip_prefix(piece).unwrap_or_default();
    }
    tokens.push(Token {
        position,
        kind: Kind::End,
    });
    tokens
}

struct Parser {
    /// Never empty; the last one is the end.
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn peek(&self) -> Token {
        let last = || self.tokens.last();
        self.tokens
            .get(self.next)
            .or_else(last)
            .cloned()
            .unwrap_or(Token {
                position: 1,
                kind: Kind::End,
            })
    }

    fn take(&mut self) -> Token {
        let token = self.peek();
        self.next += 1;
        token
    }

    /// `key`, `!key`, `key operator value` or `key operator (values)`.
    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        if self.peek().kind == Kind::Symbol("!") {
            self.take();
            let key = self.key()?;
            return Ok(Requirement {
                key,
                operator: Operator::DoesNotExist,
            });
        }
        let key = self.key()?;
        if matches!(self.peek().kind, Kind::End | Kind::Symbol(",")) {
            return Ok(Requirement {
                key,
                operator: Operator::Exists,
            });
        }
        let token = self.take();
        let operator = match &token.kind {
            Kind::Symbol("=" | "==") => Operator::Equals(self.value()?),
            Kind::Symbol("!=") => Operator::NotEquals(self.value()?),
            Kind::Symbol(">") => Operator::GreaterThan(self.number()?),
            Kind::Symbol("<") => Operator::LessThan(self.number()?),
            Kind::Word(word) if word == "in" => Operator::In(self.values()?),
            Kind::Word(word) if word == "notin" => Operator::NotIn(self.values()?),
            _ => return Err(token.unexpected(OPERATOR)),
        };
        Ok(Requirement { key, operator })
    }

    fn key(&mut self) -> Result<String, SelectorError> {
        let token = self.take();
        match &token.kind {
            // Kubernetes takes these two for operators even where a key is expected.
            Kind::Word(word) if word != "in" && word != "notin" && is_qualified_name(word) => {
                Ok(word.clone())
            }
            _ => Err(token.unexpected(KEY)),
        }
    }

    /// A value after `=` or `!=`. Nothing at all is the empty value.
    fn value(&mut self) -> Result<String, SelectorError> {
        if matches!(self.peek().kind, Kind::End | Kind::Symbol(",")) {
            return Ok(String::new());
        }
        self.word()
    }

    fn number(&mut self) -> Result<i64, SelectorError> {
        let token = self.peek();
        let wrong = token.unexpected("a whole number");
        self.word()
            .ok()
            .and_then(|word| word.parse().ok())
            .ok_or(wrong)
    }

    fn word(&mut self) -> Result<String, SelectorError> {
        let token = self.take();
        match &token.kind {
            Kind::Word(word) if is_label_value(word) => Ok(word.clone()),
            _ => Err(token.unexpected(VALUE)),
        }
    }

    /// `(a,b)`. Nothing before or after a comma is the empty value; nothing between the
    /// parentheses is refused.
    fn values(&mut self) -> Result<BTreeSet<String>, SelectorError> {
        let open = self.take();
        if open.kind != Kind::Symbol("(") {
            return Err(open.unexpected("'('"));
        }
        let mut values = BTreeSet::new();
        if self.peek().kind == Kind::Symbol(")") {
            return Err(self.peek().unexpected(VALUE));
        }
        loop {
            let is_empty = matches!(self.peek().kind, Kind::Symbol("," | ")"));
            values.insert(if is_empty {
                String::new()
            } else {
                self.word()?
            });
            let token = self.take();
            match token.kind {
                Kind::Symbol(",") => {}
                Kind::Symbol(")") => return Ok(values),
                _ => return Err(token.unexpected("',' or ')'")),
            }
        }
    }
}
