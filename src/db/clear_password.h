// Clear password: whether the server is about to get the password as it stands, over a connection
// that anybody may listen to. libpq gives it to whoever asks, up to version 15.
// Source: PostgreSQL manual, "Message Formats", AuthenticationCleartextPassword.
#pragma once

struct pg_conn;

namespace schedctl::db {

enum class Request {
  harmless,
  incomplete,      // more bytes have to come before libpq may see them
  clear_password,  // or what can only be meant to hide such a request from us
};

// What the server says next while a connection is made, before libpq reads it.
Request peek(pg_conn* connection);

}  // namespace schedctl::db
