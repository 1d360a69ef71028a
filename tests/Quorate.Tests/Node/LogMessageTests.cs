using System.Reflection;
using Microsoft.Extensions.Logging;
using Quorate.Node.Hosting;
using Xunit;

namespace Quorate.Tests.Node;

public sealed class LogMessageTests
{
    // Operators filter by it.
    [Fact]
    public void EventId_of_every_message_is_its_own()
    {
        const BindingFlags all =
            BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        var ids = typeof(NodeHost)
            .Assembly.GetTypes()
            .SelectMany(type => type.GetMethods(all))
            .Select(method => (method.Name, Message: method.GetCustomAttribute<LoggerMessageAttribute>()))
            .Where(method => method.Message is not null)
            .ToLookup(method => method.Message!.EventId, method => method.Name);
        Assert.True(ids.Count > 40, $"{ids.Count} messages found");
        Assert.Empty(ids.Where(id => id.Count() > 1).Select(id => $"{id.Key}: {string.Join(", ", id)}"));
    }
}
