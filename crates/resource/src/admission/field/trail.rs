// SPDX-License-Identifier: Apache-2.0
//! The way from the root to a value, cheap to extend.
//!
//! In: keys and indices while a tree is walked. Out: a [`FieldPath`], built only when one is
//! needed: most values are never complained about.

use std::rc::Rc;

use sluicegate_manifest::FieldPath;

/// A path as a list of steps, last first, shared with the paths of siblings.
#[derive(Clone, Default)]
pub(super) struct Trail<'d>(Option<Rc<Link<'d>>>);

struct Link<'d> {
    before: Trail<'d>,
    step: Step<'d>,
}

enum Step<'d> {
    Field(&'d str),
    Index(usize),
}

impl<'d> Trail<'d> {
    pub(super) fn field(&self, name: &'d str) -> Self {
        self.then(Step::Field(name))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    pub(super) fn path(&self) -> FieldPath {
        match &self.0 {
            None => FieldPath::root(),
            Some(link) => match link.step {
                Step::Field(name) => link.before.path().field(name),
                Step::Index(index) => link.before.path().index(index),
            },
        }
    }

    fn then(&self, step: Step<'d>) -> Self {
        Self(Some(Rc::new(Link {
            before: self.clone(),
            step,
        })))
    }
}
