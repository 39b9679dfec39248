//! Queues of tokens: linked lists in one arena, 12 bytes for an empty queue.
//!
//! Most inputs of most workflows hold one token once. A `VecDeque` each would cost 32 bytes and an
//! allocation; here a token costs a slot of the arena, which is used again.

use super::Token;

const NONE: u32 = u32::MAX;

/// A first-in first-out queue of tokens; the tokens live in [`Tokens`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Queue {
    head: u32,
    tail: u32,
    pub(super) len: u32,
}

impl Default for Queue {
    fn default() -> Self {
        Self { head: NONE, tail: NONE, len: 0 }
    }
}

#[derive(Debug)]
struct Slot {
    token: Token,
    next: u32,
}

/// The arena of all tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    slots: Vec<Slot>,
    free: u32,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { slots: Vec::new(), free: NONE }
    }
}

impl Tokens {
    pub(super) fn push(&mut self, queue: &mut Queue, token: Token) {
        let slot = Slot { token, next: NONE };
        let at = if self.free == NONE {
            self.slots.push(slot);
            (self.slots.len() - 1) as u32
        } else {
            let at = self.free;
            self.free = self.slots[at as usize].next;
            self.slots[at as usize] = slot;
            at
        };
        if queue.len == 0 {
            queue.head = at;
        } else {
            self.slots[queue.tail as usize].next = at;
        }
        queue.tail = at;
        queue.len += 1;
    }

    pub(super) fn pop(&mut self, queue: &mut Queue) -> Option<Token> {
        if queue.len == 0 {
            return None;
        }
        let at = queue.head;
        let slot = &mut self.slots[at as usize];
        let token = slot.token.take();
        queue.head = std::mem::replace(&mut slot.next, self.free);
        self.free = at;
        queue.len -= 1;
        Some(token)
    }

    pub(super) fn front(&self, queue: &Queue) -> Option<&Token> {
        (queue.len > 0).then(|| &self.slots[queue.head as usize].token)
    }
}
