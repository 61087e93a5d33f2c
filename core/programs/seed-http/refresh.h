// POST /refresh: a webhook delivery.  Read here within limits, judged by seedd (core/front/webhook.h): this process knows no secret.
//
//   202 {"changed":true|false,"repository":NAME}   accepted
//   401 not signed, or not by us    404 no such repository    409 seen before    413 larger than 512 KiB    503 no secret
#pragma once
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "core/base/async.h"

namespace seed::web {

namespace beast_http = boost::beast::http;

class Refresh {
public:
    // `post` sends one frame to seedd.
    Refresh(asio::any_io_executor executor, std::function<void(std::string)> post) : executor_(executor), post_(std::move(post)) {}

    static bool wanted(const beast_http::request<beast_http::empty_body> &request);
    // Reads the body that belongs to `head`, whose header has been read, asks and answers.  The connection is to be closed then.
    Task<void> serve(boost::beast::tcp_stream &stream, boost::beast::flat_buffer &buffer, beast_http::request_parser<beast_http::empty_body> &head);
    // An answer of seedd: true when it was for us.
    bool answered(const nlohmann::json &message);

private:
    struct Question;
    Task<std::optional<beast_http::response<beast_http::string_body>>> judge(boost::beast::tcp_stream &stream, boost::beast::flat_buffer &buffer,
                                                                            beast_http::request_parser<beast_http::empty_body> &head);
    Task<beast_http::response<beast_http::string_body>> ask(const std::string &signature, const std::string &body);

    asio::any_io_executor executor_;
    std::function<void(std::string)> post_;
    std::map<int64_t, std::shared_ptr<Question>> asked_;
    int64_t next_ = int64_t(1) << 40;  // apart from the other requests on the same socket
};

}  // namespace seed::web
