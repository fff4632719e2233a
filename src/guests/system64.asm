; System behaviour in 64-bit mode: each test prints its name and what happened, `=<rax>` or `e<vector>:<error code> <cr2 if #PF>`.
org 0x100000
bits 32
        jmp entry
        align 8
entry:
%include "long-mode.inc"
%include "wide64.inc"

USER_STACK equ 0x88000
PAGE_TABLE equ 0x7000
WINDOW equ 0x600000

; Prints the name, executes what follows up to `done`, which prints RAX.
%macro check 1+
        mov rsi, %%name
        call put_name
        mov qword [continuation], %%end
        mov [saved_stack], rsp
        xor eax, eax
        jmp %%code
%%name: db %1, 0
%%code:
%define test_end %%end
%endmacro
%macro done 0
        call put_result
test_end:
        mov rsp, [saved_stack]
%endmacro

; The first and last line of a test that enters ring 3 at the label given.
%macro ring3 1
        push 0x33
        push USER_STACK
        push 2
        push 0x3b
        push %1
        iretq
%endmacro

long_mode:
        call serial_init
        call build_idt
        call build_window
        mov ecx, 0xc0000080
        rdmsr
        or eax, 1
        wrmsr
        mov ecx, 0xc0000081
        xor eax, eax
        mov edx, 0x00280008
        wrmsr
        mov ecx, 0xc0000082
        mov eax, on_syscall
        xor edx, edx
        wrmsr
        mov ecx, 0xc0000084
        mov eax, 0x4700
        wrmsr

; Paging.
check "page: read, not present"
        mov rax, [WINDOW]
        done
check "page: write, not present"
        mov [WINDOW + 8], rax
        done
check "page: read, read-only"
        mov rax, [WINDOW + 0x1000]
        done
check "page: write, read-only, WP clear"
        mov qword [WINDOW + 0x1010], 0x55
        mov rax, [WINDOW + 0x1010]
        done
        mov rax, cr0
        or eax, 0x10000
        mov cr0, rax
check "page: write, read-only, WP set"
        mov qword [WINDOW + 0x1010], 0x66
        mov rax, [WINDOW + 0x1010]
        done
check "page: fetch, no-execute"
        mov rbx, WINDOW + 0x2000
        call rbx
        done
check "page: reserved bit"
        mov rax, [WINDOW + 0x3000]
        done
check "page: accessed and dirty, before"
        mov rax, [PAGE_TABLE + 4 * 8]
        done
check "page: accessed, after a read"
        mov rax, [WINDOW + 0x4000]
        mov rax, [PAGE_TABLE + 4 * 8]
        done
check "page: dirty, after a write"
        mov [WINDOW + 0x4000], rax
        mov rax, [PAGE_TABLE + 4 * 8]
        done
check "page: write across into a missing page"
        mov qword [WINDOW + 0x4ff8], 0x77
        mov rax, 0x1122334455667788
        mov [WINDOW + 0x4ffc], rax
        done
check "page: nothing of it was written"
        mov rax, [WINDOW + 0x4ff8]
        done
check "page: stale until INVLPG"
        mov rax, [WINDOW + 0x6000]
        mov qword [PAGE_TABLE + 6 * 8], 0
        invlpg [WINDOW + 0x6000]
        mov rax, [WINDOW + 0x6000]
        done
check "page: not canonical"
        mov rbx, 0x800000000000
        mov rax, [rbx]
        done
check "page: not canonical stack"
        mov rbp, 0x800000000000
        mov rax, [rbp]
        done
; For SMEP and SMAP the kernel's own 2 MiB are no user page.
        and byte [0x3000], ~4
        mov rax, cr3
        mov cr3, rax
        mov rax, cr4
        or eax, 1 << 20
        mov cr4, rax
check "SMEP: fetch of a user page"
        mov rbx, WINDOW + 0x7000
        call rbx
        done
        mov rax, cr4
        or eax, 1 << 21
        mov cr4, rax
check "SMAP: read of a user page"
        mov rax, [WINDOW + 0x7000]
        done
check "SMAP: read of a user page with AC"
        stac
        mov eax, [WINDOW + 0x7000]
        clac
        done
        mov rax, cr4
        and eax, ~(3 << 20)
        mov cr4, rax
        or byte [0x3000], 4
        mov rax, cr3
        mov cr3, rax

; Exceptions.
check "exception: divide"
        xor ecx, ecx
        xor edx, edx
        div ecx
        done
check "exception: divide overflow"
        mov edx, 5
        mov ecx, 2
        div ecx
        done
check "exception: UD2"
        ud2
        done
check "exception: INT3"
        int3
        done
check "exception: INT 0x70 without gate"
        int 0x70
        done
check "exception: LOCK without memory"
        db 0xf0, 0x01, 0xc0
        done
check "exception: single step"
        pushfq
        or qword [rsp], 0x100
        popfq
        nop
        nop
        done
check "exception: CMPXCHG16B, misaligned"
        cmpxchg16b [WINDOW + 0x4008]
        done
check "exception: WRMSR, reserved EFER bit"
        mov ecx, 0xc0000080
        rdmsr
        bts eax, 20
        wrmsr
        done
check "exception: LSTAR not canonical"
        mov ecx, 0xc0000082
        mov edx, 0x8000
        wrmsr
        done
        mov eax, on_syscall
        xor edx, edx
        wrmsr

; Segmentation.
check "segment: null into DS"
        mov ds, eax
        mov rax, [0x1000]
        and eax, 7
        done
check "segment: null into SS"
        mov ss, eax
        mov ax, ss
        done
        mov eax, 0x10
        mov ss, eax
check "segment: beyond the limit"
        mov eax, 0x1000
        mov ds, eax
        done
check "segment: code into SS"
        mov eax, 0x08
        mov ss, eax
        done
check "segment: ring 3 data into SS"
        mov eax, 0x33
        mov ss, eax
        done
check "segment: TSS into ES"
        mov eax, 0x18
        mov es, eax
        done
check "segment: not present"
        mov eax, 0x58
        mov ds, eax
        done
check "segment: LTR of a busy TSS"
        mov eax, 0x18
        ltr ax
        done
check "segment: LLDT of data"
        mov eax, 0x10
        lldt ax
        done
check "segment: LAR of code"
        mov ecx, 8
        lar eax, ecx
        and eax, 0xf0ff00
        done
check "segment: LSL of the TSS"
        mov ecx, 0x18
        lsl eax, ecx
        done
check "segment: LAR of null leaves ZF clear"
        xor ecx, ecx
        lar edx, ecx
        setz al
        done
check "segment: VERW of code"
        mov ecx, 8
        verw cx
        setz al
        done
check "segment: VERR of ring 0 data with RPL 3"
        mov ecx, 0x13
        verr cx
        setz al
        done
check "segment: far return to compatibility mode and back"
        push 0x28
        push .compatible
        retfq
bits 32
.compatible:
        mov eax, 0x12345678
        jmp 8:.wide
bits 64
.wide:  done

; Privilege.
check "ring 3: HLT"
        ring3 user_hlt
        done
check "ring 3: CLI"
        ring3 user_cli
        done
check "ring 3: read of a kernel page"
        ring3 user_read
        done
check "ring 3: INT 0x80, kernel gate"
        ring3 user_int
        done
check "ring 3: INT 0x81, user gate: CS and SS there"
        ring3 user_gate
        done
check "ring 3: SYSCALL: RCX less its address"
        ring3 user_syscall
        done
check "ring 3: LGDT"
        ring3 user_lgdt
        done
check "ring 3: WRMSR"
        ring3 user_wrmsr
        done
check "ring 3: MOV from CR0"
        ring3 user_cr0
        done
check "SYSENTER with a null selector"
        ring3 user_sysenter
        done
        mov ecx, 0x174
        mov eax, 8
        xor edx, edx
        wrmsr
        mov ecx, 0x176
        mov eax, on_sysenter
        wrmsr
        mov ecx, 0x175
        mov eax, 0x8f000
        wrmsr
check "SYSENTER: RSP, CS and SS there"
        ring3 user_sysenter
        done
        mov ecx, 0xc0000080
        rdmsr
        and eax, ~1
        wrmsr
check "SYSCALL without EFER.SCE"
        ring3 user_syscall
        done
check "IRETQ to a not canonical address"
        push 0x10
        push 0x8f000
        push 2
        push 8
        mov rbx, 0x800000000000
        push rbx
        iretq
        done
check "IRETQ with NT"
        push 0x4002
        popfq
        push 0x10
        push 0x8f000
        push 2
        push 8
        push 0x100000
        iretq
        done
        push 2
        popfq
check "interrupt stack table: RSP page in the handler"
        mov word [idt + 6 * 16 + 4], 0x8e01
        ud2
        done
        mov rsi, text_end
        call put_text
        jmp power_off

user_hlt:       hlt
user_cli:       cli
user_read:      mov rax, [WINDOW + 0x4000]
user_int:       int 0x80
user_gate:      int 0x81
user_syscall:   syscall
.after:         ud2
user_lgdt:      lgdt [host_gdt_pointer]
user_wrmsr:     wrmsr
user_cr0:       mov rax, cr0
user_sysenter:  sysenter

on_syscall:
        lea rax, [rcx - user_syscall]
        shl rax, 32
        or rax, r11
        jmp finish
on_sysenter:
        mov eax, cs
        shl rax, 16
        mov bx, ss
        mov ax, bx
        shl rax, 32
        or rax, rsp
        jmp finish
on_gate:
        mov rax, [rsp + 8]
        shl rax, 16
        or rax, [rsp + 32]
        jmp finish

; Ends a test that left its own flow.
finish: call reload
        call put_result
        mov rsp, [saved_stack]
        jmp [continuation]

; Flat data segments and clear flags again.
reload: push rax
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        push 2
        popfq
        pop rax
        ret

put_result:
        push rax
        mov al, '='
        call put_char
        pop rax
        call put_hex
        call put_line
        ret

put_name:
        call put_text
        mov al, ':'
        call put_char
        mov al, ' '
        call put_char
        ret

; The stack holds the vector and the error code.
exception:
        mov [handler_stack], rsp
        call reload
        mov al, 'e'
        call put_char
        mov rax, [rsp]
        call put_hex
        mov al, ':'
        call put_char
        mov rax, [rsp + 8]
        call put_hex
        cmp qword [rsp], 14
        jne .stack
        mov al, ' '
        call put_char
        mov rax, cr2
        call put_hex
.stack: cmp qword [rsp], 6
        jne .line
        mov al, ' '
        call put_char
        mov rax, [handler_stack]
        shr rax, 12
        call put_hex
.line:  call put_line
        mov rsp, [saved_stack]
        jmp [continuation]

        align 16
stubs:
%assign vector 0
%rep 32
        align 16
    %if vector != 8 && (vector < 10 || vector > 14) && vector != 17
        push 0
    %endif
        push vector
        jmp near exception
    %assign vector vector + 1
%endrep

build_idt:
        mov edi, idt
        mov eax, stubs
        mov ecx, 32
.gate:  mov [rdi], ax
        mov dword [rdi + 2], 0x8e000008
        mov ebx, eax
        shr ebx, 16
        mov [rdi + 6], bx
        add rdi, 16
        add eax, 16
        loop .gate
        mov eax, on_gate
        mov [idt + 0x80 * 16], ax
        mov [idt + 0x81 * 16], ax
        shr eax, 16
        mov [idt + 0x80 * 16 + 6], ax
        mov [idt + 0x81 * 16 + 6], ax
        mov dword [idt + 0x80 * 16 + 2], 0x8e000008
        mov dword [idt + 0x81 * 16 + 2], 0xee000008
        lidt [idt_pointer]
        ret

; The 2 MiB at WINDOW in 4 KiB pages: absent, read-only, no-execute, with a reserved bit, plain, absent, plain, user.
build_window:
        mov edi, PAGE_TABLE
        xor eax, eax
        mov ecx, 512
        rep stosq
        mov dword [PAGE_TABLE + 8], 0x601001
        mov dword [PAGE_TABLE + 16], 0x602003
        mov dword [PAGE_TABLE + 20], 0x80000000
        mov dword [PAGE_TABLE + 24], 0x603003
        mov dword [PAGE_TABLE + 28], 0x000f0000
        mov dword [PAGE_TABLE + 32], 0x604003
        mov dword [PAGE_TABLE + 48], 0x606003
        mov dword [PAGE_TABLE + 56], 0x607007
        mov dword [0x3000 + 3 * 8], PAGE_TABLE + 7
        mov rax, cr3
        mov cr3, rax
        mov dword [WINDOW + 0x7000], 0xc3c3c3c3
        ret

%include "serial.inc"

text_end:       db 'end', 10, 0
        align 8
continuation:   dq 0
saved_stack:    dq 0
handler_stack:  dq 0
idt_pointer:
        dw 256 * 16 - 1
        dq idt
        align 16
idt:    times 256 * 16 db 0
