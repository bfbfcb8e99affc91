#include "util/reaper_message.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace schedctl {
namespace {

constexpr std::size_t max_descriptors = 4;

struct Header {
  MessageType type{};
  std::uint32_t length = 0;  // of the body
};

class Writer {
 public:
  template <typename T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    text.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put(const std::string& value) {
    put(value.size());
    text.append(value);
  }
  void put(const std::vector<std::string>& values) {
    put(values.size());
    for (const auto& value : values) put(value);
  }

  std::string text;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  template <typename T>
  void get(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
  }
  void get(std::string& value) {
    const auto size = get<std::size_t>();
    value.assign(rest_.substr(0, size));
    rest_.remove_prefix(size);
  }
  void get(std::vector<std::string>& values) {
    values.resize(get<std::size_t>());
    for (auto& value : values) get(value);
  }
  template <typename T>
  T get() {
    T value;
    get(value);
    return value;
  }

 private:
  std::string_view rest_;
};

// One list of fields for writing and for reading, so that the two cannot drift apart.
template <typename Spec, typename Visit>
void each_field(Spec& spec, Visit visit) {
  visit(spec.argv);
  visit(spec.env);
  visit(spec.cwd);
  visit(spec.umask);
  visit(spec.nice);
  visit(spec.cpu_limit);
  visit(spec.memory_limit_bytes);
  visit(spec.timeout);
  visit(spec.kill_grace);
}

template <typename End, typename Visit>
void each_end_field(End& end, Visit visit) {
  visit(end.kind);
  visit(end.exit_code);
  visit(end.signal);
  visit(end.timed_out);
  visit(end.over_memory);
  visit(end.stopped);
  visit(end.message);
  visit(end.cpu_ms);
  visit(end.peak_rss_bytes);
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool send_with(int socket, MessageType type, const std::string& body,
               const std::vector<int>& descriptors, int flags = 0) {
  Header header{type, static_cast<std::uint32_t>(body.size())};
  iovec parts[2] = {{&header, sizeof header}, {const_cast<char*>(body.data()), body.size()}};
  alignas(cmsghdr) char control[CMSG_SPACE(max_descriptors * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  if (!descriptors.empty()) {
    const auto size = descriptors.size() * sizeof(int);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(rights), descriptors.data(), size);
  }
  ssize_t sent = 0;
  do sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | flags);
  while (sent < 0 && errno == EINTR);
  if (sent < static_cast<ssize_t>(sizeof header)) return false;
  return send_all(socket,
                  std::string_view(body).substr(static_cast<std::size_t>(sent) - sizeof header));
}

bool receive_all(int socket, char* to, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::recv(socket, to, size, MSG_WAITALL);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

// Descriptors travel with the first byte of a message.
bool receive_header(int socket, Header& header, std::vector<Descriptor>& descriptors) {
  iovec part{&header, sizeof header};
  alignas(cmsghdr) char control[CMSG_SPACE(max_descriptors * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = 0;
  do got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  while (got < 0 && errno == EINTR);
  if (got <= 0) return false;
  for (auto* part_of = CMSG_FIRSTHDR(&message); part_of; part_of = CMSG_NXTHDR(&message, part_of)) {
    if (part_of->cmsg_level != SOL_SOCKET || part_of->cmsg_type != SCM_RIGHTS) continue;
    const auto count = (part_of->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part_of) + i * sizeof fd, sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
  const auto size = static_cast<std::size_t>(got);
  return receive_all(socket, reinterpret_cast<char*>(&header) + size, sizeof header - size);
}

}  // namespace

bool send_message(int socket, MessageType type) { return send_with(socket, type, "", {}); }

bool send_start(int socket, const ProcessSpec& spec, const StartRequest& request) {
  Writer body;
  each_field(spec, [&](const auto& field) { body.put(field); });
  body.put(request.identity.has_value());
  if (request.identity) {
    body.put(request.identity->uid);
    body.put(request.identity->gid);
    body.put(request.identity->groups.size());
    for (const gid_t group : request.identity->groups) body.put(group);
  }
  body.put(static_cast<bool>(request.in));
  body.put(static_cast<bool>(request.held));
  std::vector<int> descriptors{request.out.get(), request.err.get()};
  if (request.in) descriptors.push_back(request.in.get());
  if (request.held) descriptors.push_back(request.held.get());
  return send_with(socket, MessageType::start, body.text, descriptors);
}

// So short that it goes as a whole or not at all.
bool send_session(int socket, int session, std::int64_t losses_before) {
  Writer body;
  body.put(losses_before);
  return send_with(socket, MessageType::session, body.text, {session}, MSG_DONTWAIT);
}

bool send_end(int socket, const ProcessEnd& end) {
  Writer body;
  each_end_field(end, [&](const auto& field) { body.put(field); });
  return send_with(socket, MessageType::end, body.text, {});
}

std::optional<Message> receive_message(int socket) {
  Header header;
  Message message;
  if (!receive_header(socket, header, message.descriptors)) return std::nullopt;
  message.type = header.type;
  message.body.resize(header.length);
  if (!receive_all(socket, message.body.data(), message.body.size())) return std::nullopt;
  return message;
}

bool decode_start(Message message, StartRequest& start) {
  Reader body(message.body);
  each_field(start.spec, [&](auto& field) { body.get(field); });
  if (body.get<bool>()) {
    Identity identity;
    body.get(identity.uid);
    body.get(identity.gid);
    identity.groups.resize(body.get<std::size_t>());
    for (auto& group : identity.groups) body.get(group);
    start.identity = std::move(identity);
  }
  const bool has_in = body.get<bool>();
  const bool has_held = body.get<bool>();
  auto& descriptors = message.descriptors;
  if (descriptors.size() != 2U + has_in + has_held) return false;
  start.out = std::move(descriptors[0]);
  start.err = std::move(descriptors[1]);
  if (has_in) start.in = std::move(descriptors[2]);
  if (has_held) start.held = std::move(descriptors.back());
  return true;
}

SessionNews decode_session(Message message) {
  SessionNews news;
  Reader(message.body).get(news.losses_before);
  if (!message.descriptors.empty()) news.socket = std::move(message.descriptors[0]);
  return news;
}

ProcessEnd decode_end(const Message& message) {
  ProcessEnd end;
  Reader body(message.body);
  each_end_field(end, [&](auto& field) { body.get(field); });
  return end;
}

}  // namespace schedctl
