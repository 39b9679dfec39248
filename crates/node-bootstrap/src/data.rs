//! What is known of versions, ports, repositories, modules and chains: tables, not code.
