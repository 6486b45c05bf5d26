//! Containers over resets, and over power that goes at any instant.
