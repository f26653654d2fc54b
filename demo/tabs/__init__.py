"""The five tabs. Each has a `layout` that lays out and wires, and small handlers that take the Session first."""
