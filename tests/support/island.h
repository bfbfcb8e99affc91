// Island: a host on a server of its own.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "support/host.h"
#include "support/server.h"

namespace schedctl::test {

struct Island {
  Server server;
  Host host;

  explicit Island(const std::string& toml = "", Server::Options options = {})
      : server(std::move(options)) {
    host.replace_config(fmt::format("[database]\nurl = \"{}\"\n{}", server.url(), toml));
    // By the socket, as not every host can reach the server's loopback.
    const auto migrated =
        host.start({"migrate"}, {"SCHEDCTL_DATABASE_URL=" + server.socket_url()}).wait();
    REQUIRE_MESSAGE(migrated.exit_code == 0, migrated.err);
  }
  std::string value(const std::string& sql) const {
    return server.value("set search_path = schedctl; " + sql);
  }
  job::JobId enqueue(const std::string& type, const std::string& payload = "{}") const {
    return std::stol(value(fmt::format("select enqueue('{}', '{}'::json)", type, payload)));
  }
  std::string statuses() const {
    return value("select string_agg(status, ' ' order by id) from jobs");
  }
};

}  // namespace schedctl::test
