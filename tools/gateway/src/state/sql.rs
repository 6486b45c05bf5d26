//! What both databases have in common: values, rows, and a session that runs statements.
//!
//! A statement is written once, in the SQL that both understand, with `?1` for its first value; PostgreSQL's `$1` is made of
//! it. Where a word differs there are two statements, beside each other.

use super::postgres::Session;
use crate::Error;
use rusqlite::types::{ToSqlOutput, ValueRef};
use std::borrow::Cow;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut};

/// A value of a statement or a row. Truth is a number, 1 or 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// The values of a statement, in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::state::sql::Value::from($value)),*] };
}
pub(super) use values;

impl Value {
    /// The text, if all databases take it: PostgreSQL has no character 0, which comes from outside only.
    pub(super) fn clean(text: &str) -> Cow<'_, str> {
        if text.contains('\0') {
            Cow::Owned(text.replace('\0', "\u{fffd}"))
        } else {
            Cow::Borrowed(text)
        }
    }

    const fn kind(&self) -> Type {
        match self {
            // The database finds out what it is.
            Self::Null => Type::UNKNOWN,
            Self::Number(_) => Type::INT8,
            Self::Text(_) => Type::TEXT,
            Self::Bytes(_) => Type::BYTEA,
        }
    }
}

macro_rules! numbers {
    ($($kind:ty),*) => { $(
        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::Number(i64::from(value))
            }
        }
    )* };
}
numbers!(i64, u32, bool);

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Self::clean(value).into_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::from(value.as_str())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Number(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Number(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// A row of an answer.
#[derive(Debug)]
pub(super) struct Row(pub(super) Vec<Value>);

/// What a column is read as.
pub(super) trait Column: Sized {
    fn of(value: &Value) -> Option<Self>;
}

impl Row {
    /// Returns the value of a column, from 0.
    ///
    /// # Errors
    /// [`Error::Database`] if it is something else, which another program's table is.
    pub(super) fn get<T: Column>(&self, index: usize) -> Result<T, Error> {
        let found = self.0.get(index).and_then(T::of);
        found.ok_or_else(|| Error::database(&format!("column {index} is not what it was made as")))
    }
}

impl Column for i64 {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }
}

impl Column for u32 {
    fn of(value: &Value) -> Option<Self> {
        i64::of(value)?.try_into().ok()
    }
}

impl Column for bool {
    fn of(value: &Value) -> Option<Self> {
        Some(i64::of(value)? != 0)
    }
}

impl Column for String {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl Column for Vec<u8> {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }
}

impl Column for [u8; 32] {
    fn of(value: &Value) -> Option<Self> {
        Vec::of(value)?.try_into().ok()
    }
}

impl<T: Column> Column for Option<T> {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::of(value).map(Some),
        }
    }
}

/// Somewhere that statements run; mostly within a change.
pub(super) struct Sql<'a> {
    on: On<'a>,
    /// Milliseconds since 1970 when it began, by the clock of the database; 0 for a look.
    pub(super) now_ms: i64,
}

enum On<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(&'a Session),
}

impl<'a> Sql<'a> {
    pub(super) const fn sqlite(connection: &'a rusqlite::Connection, now_ms: i64) -> Self {
        Self {
            on: On::Sqlite(connection),
            now_ms,
        }
    }

    pub(super) const fn postgres(session: &'a Session, now_ms: i64) -> Self {
        Self {
            on: On::Postgres(session),
            now_ms,
        }
    }

    /// Is it a database that several gateways share?
    pub(super) const fn is_shared(&self) -> bool {
        matches!(self.on, On::Postgres(_))
    }

    /// Runs a statement and returns how many rows it was about.
    ///
    /// # Errors
    /// [`Error::State`], [`Error::Database`].
    pub(super) fn run(&self, statement: &str, values: Vec<Value>) -> Result<u64, Error> {
        match self.on {
            On::Sqlite(connection) => {
                let mut statement = connection.prepare(statement)?;
                let count = statement.execute(rusqlite::params_from_iter(values))?;
                Ok(count as u64)
            }
            On::Postgres(session) => Ok(session.ask(&dollars(statement), typed(values))?.1),
        }
    }

    /// Runs a statement and returns all rows of its answer.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) fn rows(&self, statement: &str, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        match self.on {
            On::Sqlite(connection) => {
                let mut statement = connection.prepare(statement)?;
                let columns = statement.column_count();
                let mut rows = statement.query(rusqlite::params_from_iter(values))?;
                let mut all = Vec::new();
                while let Some(row) = rows.next()? {
                    let row = (0..columns).map(|index| Ok(of_sqlite(row.get_ref(index)?)));
                    all.push(Row(row.collect::<rusqlite::Result<_>>()?));
                }
                Ok(all)
            }
            On::Postgres(session) => Ok(session.ask(&dollars(statement), typed(values))?.0),
        }
    }

    /// Runs a statement and returns the first row of its answer.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) fn row(&self, statement: &str, values: Vec<Value>) -> Result<Option<Row>, Error> {
        Ok(self.rows(statement, values)?.into_iter().next())
    }

    /// Runs a statement that answers with one row always.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) fn one(&self, statement: &str, values: Vec<Value>) -> Result<Row, Error> {
        let row = self.row(statement, values)?;
        row.ok_or_else(|| Error::database("an answer without a row"))
    }
}

fn of_sqlite(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Number(number),
        // No column is made so.
        ValueRef::Real(_) => Value::Null,
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

/// Our statements have no other question mark.
fn dollars(statement: &str) -> String {
    statement.replace('?', "$")
}

fn typed(values: Vec<Value>) -> Vec<(Value, Type)> {
    let with_kind = |value: Value| {
        let kind = value.kind();
        (value, kind)
    };
    values.into_iter().map(with_kind).collect()
}
