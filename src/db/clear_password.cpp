#include "db/clear_password.h"

#include <libpq-fe.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>

namespace schedctl::db {
namespace {

constexpr unsigned clear_password = 3;
constexpr std::size_t head = 5;  // of a message: its type, and the length of the rest

// Longer requests than this are none that a server makes.
using Buffer = std::array<unsigned char, 8192>;

unsigned number(const unsigned char* bytes) {
  return static_cast<unsigned>(bytes[0]) << 24 | static_cast<unsigned>(bytes[1]) << 16 |
         static_cast<unsigned>(bytes[2]) << 8 | bytes[3];
}

// Several requests may come in one packet, and libpq answers them all.
Request look_at(const Buffer& buffer, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    const auto* message = buffer.data() + at;
    if (message[0] != 'R') return Request::harmless;  // which ends the requests
    if (size - at < head) return Request::incomplete;
    const std::size_t length = number(message + 1) + 1UL;
    if (length > buffer.size() || length < head + 4) return Request::clear_password;
    if (size - at < length) return Request::incomplete;
    const auto kind = number(message + head);
    if (kind == clear_password) return Request::clear_password;
    if (kind == 0) return Request::harmless;  // it is content
    at += length;
  }
  return Request::harmless;
}

}  // namespace

Request peek(PGconn* connection) {
  const auto status = PQstatus(connection);
  const bool asked_for_tls = status == CONNECTION_SSL_STARTUP || status == CONNECTION_GSS_STARTUP;
  if (PQsslInUse(connection) || (status != CONNECTION_AWAITING_RESPONSE && !asked_for_tls))
    return Request::harmless;
  Buffer buffer;
  const auto got =
      recv(PQsocket(connection), buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got <= 0) return Request::harmless;
  const auto size = static_cast<std::size_t>(got);
  // "No" is one byte, and nothing may follow before we have said who we are.
  if (asked_for_tls)
    return buffer[0] == 'N' && size > 1 ? Request::clear_password : Request::harmless;
  return look_at(buffer, size);
}

}  // namespace schedctl::db
