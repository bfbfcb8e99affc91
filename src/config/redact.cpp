#include "config/redact.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace schedctl::config {
namespace {

constexpr std::string_view mask = "***";

// What libpq knows and may be shown, and what other tools add to URLs. Whatever else stands there
// may be a misspelt password.
constexpr std::string_view harmless[] = {"application_name",
                                         "channel_binding",
                                         "client_encoding",
                                         "connect_timeout",
                                         "dbname",
                                         "fallback_application_name",
                                         "gssdelegation",
                                         "gssencmode",
                                         "gsslib",
                                         "host",
                                         "hostaddr",
                                         "keepalives",
                                         "keepalives_count",
                                         "keepalives_idle",
                                         "keepalives_interval",
                                         "krbsrvname",
                                         "load_balance_hosts",
                                         "options",
                                         "passfile",
                                         "port",
                                         "replication",
                                         "require_auth",
                                         "requirepeer",
                                         "requiressl",
                                         "schema",
                                         "service",
                                         "ssl_max_protocol_version",
                                         "ssl_min_protocol_version",
                                         "sslcert",
                                         "sslcertmode",
                                         "sslcompression",
                                         "sslcrl",
                                         "sslcrldir",
                                         "sslkey",
                                         "sslmode",
                                         "sslnegotiation",
                                         "sslrootcert",
                                         "sslsni",
                                         "target_session_attrs",
                                         "tcp_user_timeout",
                                         "user"};

// libpq decodes the names in URLs too.
bool is_secret(std::string_view name) {
  std::string decoded;
  for (std::size_t i = 0; i < name.size(); ++i) {
    unsigned byte = 0;
    const bool encoded =
        name[i] == '%' && i + 2 < name.size() &&
        std::from_chars(&name[i + 1], &name[i + 1] + 2, byte, 16).ptr == &name[i + 1] + 2;
    decoded += encoded ? static_cast<char>(byte) : name[i];
    if (encoded) i += 2;
  }
  return std::ranges::find(harmless, decoded) == std::ranges::end(harmless);
}

// A word that belongs to no name, perhaps of a URL that lacks something.
std::string redact_word(std::string_view word) {
  const auto at = word.rfind('@');
  const auto colon = word.find(':');
  if (at == std::string_view::npos || colon > at) return std::string(word);
  return fmt::format("{}{}{}", word.substr(0, colon + 1), mask, word.substr(at));
}

std::string redact_parameters(std::string_view parameters) {
  std::string out;
  while (!parameters.empty()) {
    const auto end = std::min(parameters.find('&'), parameters.size());
    const auto parameter = parameters.substr(0, end);
    const auto equals = parameter.find('=');
    if (equals != std::string_view::npos && is_secret(parameter.substr(0, equals))) {
      out += parameter.substr(0, equals + 1);
      out += mask;
    } else {
      out += parameter;
    }
    if (end < parameters.size()) out += '&';
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
  }
  return out;
}

std::string redact_uri(std::string_view url) {
  const auto begin = url.find("://") + 3;
  std::string out(url.substr(0, begin));
  url.remove_prefix(begin);

  // The last @, as people forget to encode one that is part of the password.
  const auto at = url.rfind('@');
  const auto colon = url.find(':');
  if (at != std::string_view::npos && colon < at) {
    out += url.substr(0, colon + 1);
    out += mask;
    url.remove_prefix(at);
  }
  const auto question = std::min(url.find('?'), url.size() - 1) + 1;
  out += url.substr(0, question);
  return out + redact_parameters(url.substr(question));
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Where the value that begins at `i` ends: behind its closing quote, or before a space.
std::size_t end_of_value(std::string_view text, std::size_t i) {
  const bool quoted = i < text.size() && text[i] == '\'';
  for (i += quoted ? 1 : 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (quoted ? text[i] == '\'' : is_space(text[i])) {
      return quoted ? i + 1 : i;
    }
  }
  return text.size();
}

std::string redact_keywords(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto begin = i;
    while (i < text.size() && is_space(text[i])) ++i;
    const auto name_begin = i;
    while (i < text.size() && text[i] != '=' && !is_space(text[i])) ++i;
    const auto name = text.substr(name_begin, i - name_begin);
    const auto equals = std::min(text.find_first_not_of(" \t\n\v\f\r", i), text.size());
    if (equals == text.size() || text[equals] != '=') {
      out += text.substr(begin, name_begin - begin);
      out += redact_word(name);
      continue;
    }
    while (i < text.size() && (is_space(text[i]) || text[i] == '=')) ++i;
    out += text.substr(begin, i - begin);
    const auto end = end_of_value(text, i);
    out += is_secret(name) ? mask : text.substr(i, end - i);
    i = end;
  }
  return out;
}

}  // namespace

std::string redact_url(std::string_view url) {
  if (url.find("://") < url.find('=')) return redact_uri(url);
  return url.find('=') == std::string_view::npos ? redact_word(url) : redact_keywords(url);
}

}  // namespace schedctl::config
