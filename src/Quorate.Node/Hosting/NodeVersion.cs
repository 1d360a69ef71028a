using System.Reflection;

namespace Quorate.Node.Hosting;

static class NodeVersion
{
    /// <summary>Version and, where the build knew it, the commit: <c>0.1.0+abc</c>.</summary>
    public static string Text { get; } =
        typeof(NodeVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
