using System.Collections.Concurrent;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Quorate.Rpc.Codecs;

/// <summary>Proto2 presence, which the generated C# code does not enforce in either direction.</summary>
static class RequiredFields
{
    // By descriptor: the fields that can matter, in order. There are as many descriptors as messages in the schema.
    static readonly ConcurrentDictionary<MessageDescriptor, FieldDescriptor[]> s_checked = new();

    /// <summary>The full name of a required field that is missing anywhere in the message, or null.</summary>
    public static string? FindMissing(IMessage message)
    {
        foreach (var field in s_checked.GetOrAdd(message.Descriptor, Checked))
        {
            if (field.IsRequired && !field.Accessor.HasValue(message))
            {
                return field.FullName;
            }
            if (field.FieldType == FieldType.Message && FindMissingBelow(message, field) is { } missing)
            {
                return missing;
            }
        }
        return null;
    }

    static FieldDescriptor[] Checked(MessageDescriptor message) =>
        [.. message.Fields.InDeclarationOrder().Where(f => f.IsRequired || f.FieldType == FieldType.Message)];

    static string? FindMissingBelow(IMessage message, FieldDescriptor field)
    {
        if (field.IsMap)
        {
            // All maps of the schema have string values.
            return null;
        }
        if (!field.IsRepeated)
        {
            return field.Accessor.GetValue(message) is IMessage child ? FindMissing(child) : null;
        }
        foreach (IMessage element in (System.Collections.IList)field.Accessor.GetValue(message))
        {
            if (FindMissing(element) is { } missing)
            {
                return missing;
            }
        }
        return null;
    }
}
